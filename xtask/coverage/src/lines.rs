//! The lines of a file, and how often each was executed.

use std::collections::BTreeMap;
use std::fmt;

use llvm_profparser::CoverageResult;

/// Lines with code, executed or not.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// How often each was executed; empty in a sum over files.
    hits: BTreeMap<usize, usize>,
    counted: usize,
    executed: usize,
}

impl Lines {
    /// As LLVM counts lines: where code begins in a line, the highest count of
    /// what begins there; in the middle of longer code, the count of the
    /// innermost that it is in the middle of.
    pub(crate) fn of(result: &CoverageResult) -> Self {
        let mut begins: BTreeMap<usize, usize> = BTreeMap::new();
        let mut within: BTreeMap<usize, ((usize, usize), usize)> = BTreeMap::new();
        for (place, hits) in &result.hits {
            let most = begins.entry(place.line_start).or_default();
            *most = (*most).max(*hits);
            let start = (place.line_start, place.column_start);
            for line in place.line_start + 1..=place.line_end {
                let innermost = within.entry(line).or_insert((start, *hits));
                if start > innermost.0 {
                    *innermost = (start, *hits);
                }
            }
        }
        let mut hits: BTreeMap<usize, usize> = within
            .into_iter()
            .map(|(line, (_, hits))| (line, hits))
            .collect();
        hits.extend(begins);
        Self {
            hits,
            ..Self::default()
        }
        .summed()
    }

    pub(crate) fn keep(&mut self, counts: impl Fn(usize) -> bool) {
        self.hits.retain(|line, _| counts(*line));
        *self = std::mem::take(self).summed();
    }

    fn summed(mut self) -> Self {
        self.counted = self.hits.len();
        self.executed = self.hits.values().filter(|hits| **hits > 0).count();
        self
    }

    /// Adds up another file.
    pub(crate) fn add(&mut self, other: &Self) {
        self.counted += other.counted;
        self.executed += other.executed;
    }

    pub(crate) fn counted(&self) -> usize {
        self.counted
    }

    pub(crate) fn missed(&self) -> usize {
        self.counted - self.executed
    }

    /// Rounded down: a bound is not reached by rounding.
    pub(crate) fn permille(&self) -> usize {
        (self.executed * 1000)
            .checked_div(self.counted)
            .unwrap_or(1000)
    }

    /// The lines that were not executed, as ranges.
    pub(crate) fn missing(&self) -> String {
        let mut ranges: Vec<(usize, usize)> = vec![];
        for (line, _) in self.hits.iter().filter(|(_, hits)| **hits == 0) {
            match ranges.last_mut() {
                Some((_, end)) if *end + 1 == *line => *end = *line,
                _ => ranges.push((*line, *line)),
            }
        }
        let ranges: Vec<_> = ranges
            .into_iter()
            .map(|(start, end)| {
                if start == end {
                    format!("{start}")
                } else {
                    format!("{start}-{end}")
                }
            })
            .collect();
        ranges.join(", ")
    }
}

/// `  87.5 %   175 of   200`
impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permille = self.permille();
        write!(
            f,
            "{:>4}.{} % {:>6} of {:>6}",
            permille / 10,
            permille % 10,
            self.executed,
            self.counted
        )
    }
}

#[cfg(test)]
mod tests {
    use llvm_profparser::{CoverageResult, SourceLocation};

    use super::Lines;

    fn region(from: (usize, usize), to: (usize, usize)) -> SourceLocation {
        SourceLocation {
            line_start: from.0,
            column_start: from.1,
            line_end: to.0,
            column_end: to.1,
        }
    }

    #[test]
    fn a_line_inside_a_branch_that_was_not_taken_is_not_executed() {
        let mut result = CoverageResult::default();
        result.insert(region((1, 1), (9, 2)), 5);
        result.insert(region((3, 10), (5, 6)), 0);

        let lines = Lines::of(&result);

        assert_eq!(lines.missing(), "3-5");
        assert_eq!((lines.counted(), lines.missed()), (9, 3));
    }

    #[test]
    fn a_bound_is_not_reached_by_rounding() {
        let mut result = CoverageResult::default();
        for line in 1..=1000 {
            result.insert(region((line, 1), (line, 2)), usize::from(line > 201));
        }

        assert_eq!(Lines::of(&result).permille(), 799);
    }
}
