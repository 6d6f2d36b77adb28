use std::collections::HashSet;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Command;

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{AtomEnum, ClientMessageEvent, ConnectionExt, EventMask};

use crate::process::Process;

/// As large as the window, which has no frame here.
const SIZE: &str = "980x700x24";

/// An X display in memory.
pub(crate) struct Display {
    name: String,
    /// What is shown, in the format of `xwd`.
    shown: PathBuf,
    _process: Process,
}

/// What was shown.
pub(crate) struct Picture {
    width: u32,
    height: u32,
    /// Red, green, blue.
    pixels: Vec<[u8; 3]>,
}

impl Display {
    pub(crate) fn start(folder: &Path) -> Self {
        let memory = folder.join("display");
        fs::create_dir(&memory).unwrap();
        let mut command = Command::new("Xvfb");
        command
            .args(["-displayfd", "1", "-screen", "0", SIZE])
            // It would start anew, and refuse whoever comes meanwhile, when its
            // only client leaves: the bus's helpers come and go.
            .arg("-noreset")
            .args(["-nolisten", "tcp", "-fbdir"])
            .arg(&memory);
        let mut process = Process::spawn("Xvfb", folder, &mut command);
        let is_number = |line: &str| line.parse::<u32>().is_ok();
        let number = process.wait_for_line(|line| is_number(line).then_some(line));
        Self {
            name: format!(":{number}"),
            shown: memory.join("Xvfb_screen0"),
            _process: process,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What is shown now.
    pub(crate) fn screenshot(&self) -> Picture {
        Picture::read(&fs::read(&self.shown).unwrap())
    }

    /// Asks the window to close, as its frame's button does.
    pub(crate) fn close_window(&self) {
        let (display, screen) = x11rb::connect(Some(&self.name)).unwrap();
        let root = display.setup().roots[screen].root;
        let atom = |name: &str| {
            let atom = display.intern_atom(false, name.as_bytes()).unwrap();
            atom.reply().unwrap().atom
        };
        let (protocols, delete) = (atom("WM_PROTOCOLS"), atom("WM_DELETE_WINDOW"));
        let windows = display.query_tree(root).unwrap().reply().unwrap().children;
        let listens = |window: &u32| {
            let asked = display.get_property(false, *window, protocols, AtomEnum::ATOM, 0, 32);
            let known = asked.unwrap().reply().unwrap();
            known
                .value32()
                .is_some_and(|mut known| known.any(|atom| atom == delete))
        };
        let window = windows
            .into_iter()
            .find(listens)
            .expect("a window that can be closed");
        let message = ClientMessageEvent::new(32, window, protocols, [delete, 0, 0, 0, 0]);
        display
            .send_event(false, window, EventMask::NO_EVENT, message)
            .unwrap();
        // An answer to what comes after it says that it has arrived. The server
        // may forget what a client sent that is gone.
        display.get_input_focus().unwrap().reply().unwrap();
    }
}

impl Picture {
    /// Reads the [X window dump](https://www.x.org/releases/X11R7.7/doc/man/man1/xwd.1.xhtml)
    /// that Xvfb keeps: a header of big-endian numbers, the colour map, rows of
    /// four bytes a pixel: blue, green, red and one that is not used.
    fn read(dump: &[u8]) -> Self {
        let number = |index: usize| {
            let bytes = dump[index * 4..index * 4 + 4].try_into().unwrap();
            u32::from_be_bytes(bytes)
        };
        let size = |index: usize| usize::try_from(number(index)).unwrap();
        let (width, height) = (number(4), number(5));
        assert_eq!(
            (number(1), number(11)),
            (7, 32),
            "version and bits per pixel"
        );
        let (header, colours, row) = (size(0), size(19), size(12));
        let rows = dump[header + colours * 12..].chunks_exact(row);
        let pixels = rows
            .take(height.try_into().unwrap())
            .flat_map(|row| row.chunks_exact(4).take(width.try_into().unwrap()))
            .map(|pixel| [pixel[2], pixel[1], pixel[0]])
            .collect();
        Self {
            width,
            height,
            pixels,
        }
    }

    /// Keeps it in the target folder, for people to look at.
    pub(crate) fn save(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = BufWriter::new(File::create(folder.join(name)).unwrap());
        let mut png = png::Encoder::new(file, self.width, self.height);
        png.set_color(png::ColorType::Rgb);
        png.set_compression(png::Compression::High);
        let mut png = png.write_header().unwrap();
        png.write_image_data(self.pixels.as_flattened()).unwrap();
        png.finish().unwrap();
    }

    /// Text is drawn in many shades, and neither it nor one colour is all.
    pub(crate) fn assert_shows_a_window(&self) {
        let colours: HashSet<_> = self.pixels.iter().collect();
        assert!(colours.len() > 50, "only {} colours", colours.len());
        let accent = [0x0f, 0x6b, 0x5c];
        let buttons = self.pixels.iter().filter(|pixel| **pixel == accent).count();
        let share = buttons * 100 / self.pixels.len();
        assert!((1..20).contains(&share), "{share} % in the accent's colour");
    }
}
