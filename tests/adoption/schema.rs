//! Every way to a schema ends at the same tables.

use gozon_inbox::InboxDatabase;
use gozon_ledger::LedgerDatabase;
use gozon_outbox::{Outbox, OutboxConfig, OutboxDatabase};
use gozon_sqlx::{Db, DbError, Migrations, Postgres, Sqlite};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};

use super::{own_postgres_pool, own_sqlite_pool, postgres, sqlite};

const POSTGRES: [Migrations; 3] = [
    <Postgres as OutboxDatabase>::MIGRATIONS,
    <Postgres as InboxDatabase>::MIGRATIONS,
    <Postgres as LedgerDatabase>::MIGRATIONS,
];
const SQLITE: [Migrations; 3] = [
    <Sqlite as OutboxDatabase>::MIGRATIONS,
    <Sqlite as InboxDatabase>::MIGRATIONS,
    <Sqlite as LedgerDatabase>::MIGRATIONS,
];

/// Every column and index of a database, and the histories without their times.
async fn postgres_schema(pool: &PgPool) -> anyhow::Result<Vec<String>> {
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default)
         FROM information_schema.columns WHERE table_schema = 'public'
         UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
         UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
         FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1",
    )
    .fetch_all(pool)
    .await?;
    let mut schema = columns;
    for migrations in POSTGRES {
        let history = format!(
            "SELECT concat_ws(' ', version, description, success, checksum) FROM {} ORDER BY version",
            migrations.history_table
        );
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(history))
            .fetch_all(pool)
            .await?;
        schema.extend(rows);
    }
    Ok(schema)
}

async fn sqlite_schema(pool: &SqlitePool) -> anyhow::Result<Vec<String>> {
    // Of the histories the shape does not matter to the byte: sqlx wrote one,
    // the script the other.
    let mut schema: Vec<String> = sqlx::query_scalar(
        "SELECT name || ' ' || coalesce(sql, '') FROM sqlite_schema
         WHERE tbl_name NOT LIKE '%\\_migrations' ESCAPE '\\' ORDER BY 1",
    )
    .fetch_all(pool)
    .await?;
    for migrations in SQLITE {
        let history = format!(
            "SELECT concat_ws(' ', version, description, success, hex(checksum)) FROM {0}
             UNION ALL SELECT concat_ws(' ', name, type, \"notnull\", dflt_value, pk)
             FROM pragma_table_info('{0}')",
            migrations.history_table
        );
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(history))
            .fetch_all(pool)
            .await?;
        schema.extend(rows);
    }
    Ok(schema)
}

async fn run<D: gozon_sqlx::Database>(db: &Db<D>, all: &[Migrations]) -> anyhow::Result<()> {
    for migrations in all {
        migrations.run(db).await?;
    }
    Ok(())
}

async fn missing<D: gozon_sqlx::Database>(
    db: &Db<D>,
    all: &[Migrations],
) -> anyhow::Result<Vec<i64>> {
    let mut missing = vec![];
    for migrations in all {
        missing.extend(migrations.missing(db).await?);
    }
    Ok(missing)
}

fn versions(all: &[Migrations]) -> Vec<i64> {
    let steps = all.iter().flat_map(|migrations| migrations.steps);
    steps.map(|step| step.version).collect()
}

#[tokio::test]
async fn the_script_makes_what_the_code_makes_on_postgres() -> anyhow::Result<()> {
    let (by_code, by_script) = (own_postgres_pool().await?, own_postgres_pool().await?);
    run(&postgres(&by_code), &POSTGRES).await?;

    let db = postgres(&by_script);
    assert_eq!(missing(&db, &POSTGRES).await?, versions(&POSTGRES));
    for migrations in POSTGRES {
        let script = migrations.script::<Postgres>(0);
        sqlx::raw_sql(AssertSqlSafe(script))
            .execute(&by_script)
            .await?;
    }

    assert_eq!(missing(&db, &POSTGRES).await?, Vec::<i64>::new());
    assert_eq!(
        postgres_schema(&by_script).await?,
        postgres_schema(&by_code).await?
    );
    // The code finds nothing left to do.
    run(&db, &POSTGRES).await?;
    assert_eq!(
        postgres_schema(&by_script).await?,
        postgres_schema(&by_code).await?
    );
    Ok(())
}

#[tokio::test]
async fn the_script_makes_what_the_code_makes_on_sqlite() -> anyhow::Result<()> {
    let ((by_code, _one), (by_script, _other)) =
        (own_sqlite_pool().await?, own_sqlite_pool().await?);
    run(&sqlite(&by_code), &SQLITE).await?;

    let db = sqlite(&by_script);
    assert_eq!(missing(&db, &SQLITE).await?, versions(&SQLITE));
    for migrations in SQLITE {
        let script = migrations.script::<Sqlite>(0);
        sqlx::raw_sql(AssertSqlSafe(script))
            .execute(&by_script)
            .await?;
    }

    assert_eq!(missing(&db, &SQLITE).await?, Vec::<i64>::new());
    assert_eq!(
        sqlite_schema(&by_script).await?,
        sqlite_schema(&by_code).await?
    );
    run(&db, &SQLITE).await?;
    assert_eq!(
        sqlite_schema(&by_script).await?,
        sqlite_schema(&by_code).await?
    );
    Ok(())
}

#[tokio::test]
async fn a_script_that_is_applied_twice_fails_and_changes_nothing() -> anyhow::Result<()> {
    let pool = own_postgres_pool().await?;
    run(&postgres(&pool), &POSTGRES).await?;
    let before = postgres_schema(&pool).await?;

    for migrations in POSTGRES {
        let script = migrations.script::<Postgres>(0);
        let mut connection = pool.acquire().await?;
        connection.close_on_drop();
        let again = sqlx::raw_sql(AssertSqlSafe(script))
            .execute(&mut *connection)
            .await;
        assert!(again.is_err());
    }

    assert_eq!(postgres_schema(&pool).await?, before);
    Ok(())
}

/// The plain files, by whatever tool: no history, so the code must not be asked
/// to migrate, until the history is recorded.
#[tokio::test]
async fn plain_files_do_without_a_history_until_it_is_recorded() -> anyhow::Result<()> {
    let pool = own_postgres_pool().await?;
    let (sqlite_pool, _folder) = own_sqlite_pool().await?;
    for step in POSTGRES.iter().flat_map(|migrations| migrations.steps) {
        sqlx::raw_sql(step.sql).execute(&pool).await?;
    }
    for step in SQLITE.iter().flat_map(|migrations| migrations.steps) {
        sqlx::raw_sql(step.sql).execute(&sqlite_pool).await?;
    }
    let (db, sqlite_db) = (postgres(&pool), sqlite(&sqlite_pool));

    let outbox = Outbox::new(db.clone(), OutboxConfig::default())?;
    assert_eq!(outbox.stats().await?.pending, 0);
    let outbox = Outbox::new(sqlite_db.clone(), OutboxConfig::default())?;
    assert_eq!(outbox.stats().await?.pending, 0);

    // It says that the table exists, and does no harm.
    let refused = POSTGRES[0].run(&db).await.unwrap_err();
    assert!(matches!(refused, DbError::Migrate { .. }), "{refused:?}");
    let refused = SQLITE[0].run(&sqlite_db).await.unwrap_err();
    assert!(matches!(refused, DbError::Migrate { .. }), "{refused:?}");

    for migrations in POSTGRES {
        migrations.record(&db).await?;
        assert_eq!(migrations.missing(&db).await?, Vec::<i64>::new());
        migrations.run(&db).await?;
    }
    for migrations in SQLITE {
        migrations.record(&sqlite_db).await?;
        assert_eq!(migrations.missing(&sqlite_db).await?, Vec::<i64>::new());
        migrations.run(&sqlite_db).await?;
    }
    Ok(())
}

/// A service whose database role may not create anything asks what is missing
/// and never migrates.
#[tokio::test]
async fn a_role_that_may_not_create_tables_can_tell_what_is_missing() -> anyhow::Result<()> {
    let owner = own_postgres_pool().await?;
    run(&postgres(&owner), &POSTGRES[..1]).await?;
    let role = format!("reader_{}", uuid::Uuid::new_v4().simple());
    let grants = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'reader';
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    );
    sqlx::raw_sql(AssertSqlSafe(grants)).execute(&owner).await?;
    let options = owner.connect_options().as_ref().clone();
    let pool = PgPool::connect_with(options.username(&role).password("reader")).await?;
    let db = postgres(&pool);

    assert_eq!(POSTGRES[0].missing(&db).await?, Vec::<i64>::new());
    assert_eq!(POSTGRES[1].missing(&db).await?, versions(&POSTGRES[1..2]));
    // Nor may it create what is there already.
    assert!(POSTGRES[0].run(&db).await.is_err());
    assert!(POSTGRES[1].run(&db).await.is_err());

    pool.close().await;
    let cleanup = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    sqlx::raw_sql(AssertSqlSafe(cleanup))
        .execute(&owner)
        .await?;
    Ok(())
}
