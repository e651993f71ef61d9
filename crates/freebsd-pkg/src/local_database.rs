//! `/var/db/pkg/local.sqlite`: the local database of pkg(8), so that `pkg info`, `pkg which` and `pkg check -s` work on the
//! running system.
//!
//! It is written here and not by pkg, from the manifests alone. The same packages give the same bytes: SQLite is compiled in,
//! rows are inserted in order of names, and the caller gives the time.
//!
//! The tables have versions. pkg accepts a newer one than its own with a warning, and upgrades an older one; but since 2.7,
//! commands that only read (`pkg info`) fail instead. So the tables have the version of the pkg among the packages, and the
//! latest one if there is none.

use anyhow::{Context, Result};
use rusqlite::types::ToSql;
use rusqlite::{Connection, Transaction};
use serde_json::{Value, json};

use crate::manifest::{FileAttributes, Manifest};
use crate::version;

/// The path, from the root, that pkg expects.
pub const PATH: &str = "var/db/pkg/local.sqlite";

/// Statements that create the tables in the oldest version, [`OLDEST`].
const SCHEMA: &str = include_str!("local_database/schema.sql");
/// Statements of later versions, each after a line [`MARK`] with its number.
const MIGRATIONS: &str = include_str!("local_database/migrations.sql");
/// The text before the number of a version.
const MARK: &str = "-- version ";
/// The version of [`SCHEMA`].
const OLDEST: u32 = 36;
/// The package of pkg itself.
const PKG: &str = "pkg";
/// Versions of pkg and of their tables (`DB_SCHEMA_MINOR` in `libpkg/pkgdb.c`), the newest first.
const VERSIONS: [(&str, u32); 4] = [("2.8.0", 42), ("2.7.0", 39), ("2.6.0", 38), ("2.4.0", 37)];

/// pkg's numbers for the phases of shell scripts (`pkg_script` in `libpkg/pkg.h`).
const SCRIPTS: [(&str, i64); 6] = [
    ("pre-install", 0),
    ("post-install", 1),
    ("pre-deinstall", 2),
    ("post-deinstall", 3),
    ("install", 6),
    ("deinstall", 7),
];

/// pkg's numbers for the phases of Lua scripts (`pkg_lua_script`).
const LUA_SCRIPTS: [(&str, i64); 4] =
    [("pre-install", 0), ("post-install", 1), ("pre-deinstall", 2), ("post-deinstall", 3)];

/// A package to register.
#[derive(Clone, Copy, Debug)]
pub struct Registration<'a> {
    /// Its manifest.
    pub manifest: &'a Manifest,
    /// It is installed only because another package needs it.
    pub automatic: bool,
}

/// The database of `packages`, which are sorted by name, installed at `time` (seconds since 1970).
///
/// # Errors
/// Two packages have the same file, or a manifest contains malformed attributes.
pub fn database(packages: &[Registration<'_>], time: i64) -> Result<Vec<u8>> {
    let mut connection = Connection::open_in_memory().context("opening a database in memory")?;
    let version = tables_version(packages);
    connection.execute_batch(&tables(version)).context("creating the tables of pkg's database")?;
    let transaction = connection.transaction()?;
    for package in packages {
        register(&transaction, package, packages, time)
            .and_then(|id| {
                if version > OLDEST {
                    set_attributes(&transaction, package.manifest, id, time)
                } else {
                    Ok(())
                }
            })
            .with_context(|| format!("registering the package `{}`", package.manifest.name))?;
    }
    transaction.commit()?;
    connection.execute_batch("VACUUM")?;
    Ok(connection.serialize("main").context("serializing pkg's database")?.to_vec())
}

/// The version of the tables for the pkg among `packages`.
fn tables_version(packages: &[Registration<'_>]) -> u32 {
    let pkg = packages.iter().find(|package| package.manifest.name == PKG);
    let known = |(version, _): &&(&str, u32)| {
        pkg.is_none_or(|pkg| version::compare(&pkg.manifest.version, version).is_ge())
    };
    VERSIONS.iter().find(known).map_or(OLDEST, |(_, tables)| *tables)
}

/// Statements that create the tables in a version.
fn tables(version: u32) -> String {
    let steps = MIGRATIONS.split(MARK).skip(1);
    let wanted = steps.filter(|step| {
        step.lines()
            .next()
            .and_then(|number| number.parse().ok())
            .is_some_and(|number: u32| number <= version)
    });
    let more: String = wanted.map(|step| format!("{MARK}{step}")).collect();
    format!("{SCHEMA}{more}PRAGMA user_version = {version};\n")
}

/// Sets owner, mode, flags and time of files and directories, which newer tables have. The time is that of all files of the
/// image and not the package's own; otherwise `pkg check -m` would report all of them as changed.
fn set_attributes(to: &Transaction<'_>, manifest: &Manifest, id: i64, time: i64) -> Result<()> {
    let bits = |path: &str, attributes: &FileAttributes| -> Result<(u32, u32)> {
        let both = || anyhow::Ok((attributes.mode()?.unwrap_or(0), attributes.flags()?));
        both().with_context(|| format!("reading the attributes of {path} in its manifest"))
    };
    for (path, file) in &manifest.files {
        let Some(stated) = file.attributes() else { continue };
        let (mode, flags) = bits(path, stated)?;
        insert(
            to,
            "UPDATE files SET uname = ?1, gname = ?2, perm = ?3, fflags = ?4, mtime = ?5, symlink_target = ?6 \
             WHERE path = ?7 AND package_id = ?8",
            &[&stated.uname, &stated.gname, &mode, &flags, &time, &stated.symlink_target, path, &id],
        )?;
    }
    for (path, directory) in &manifest.directories {
        let Ok(stated) = serde_json::from_value::<FileAttributes>(directory.clone()) else { continue };
        let (mode, flags) = bits(path, &stated)?;
        insert(
            to,
            "UPDATE directories SET uname = ?1, gname = ?2, perm = ?3, fflags = ?4 WHERE path = ?5",
            &[&stated.uname, &stated.gname, &mode, &flags, &path.trim_end_matches('/')],
        )?;
    }
    Ok(())
}

fn register(
    to: &Transaction<'_>,
    package: &Registration<'_>,
    all: &[Registration<'_>],
    time: i64,
) -> Result<i64> {
    let manifest = package.manifest;
    insert(
        to,
        "INSERT INTO packages (origin, name, version, comment, desc, message, arch, maintainer, www, prefix, flatsize, \
         automatic, licenselogic, time, dep_formula, vital) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        &[
            &manifest.origin,
            &manifest.name,
            &manifest.version,
            &manifest.comment,
            &manifest.desc,
            &messages(manifest),
            &manifest.built_for(),
            &manifest.maintainer,
            &manifest.www,
            &manifest.prefix,
            &i64::try_from(manifest.flatsize)?,
            &package.automatic,
            &license_logic(manifest),
            &time,
            &manifest.dep_formula,
            &manifest.vital,
        ],
    )?;
    let id = to.last_insert_rowid();
    for (name, dependency) in &manifest.deps {
        let installed = all.iter().find(|other| other.manifest.name == *name).map(|other| other.manifest);
        let (origin, version) = installed.map_or((&dependency.origin, &dependency.version), |manifest| {
            (&manifest.origin, &manifest.version)
        });
        insert(
            to,
            "INSERT INTO deps (origin, name, version, package_id) VALUES (?1, ?2, ?3, ?4)",
            &[origin, name, version, &id],
        )?;
    }
    for (path, file) in &manifest.files {
        insert(
            to,
            "INSERT INTO files (path, sha256, package_id) VALUES (?1, ?2, ?3)",
            &[path, &file.checksum(), &id],
        )
        .with_context(|| format!("adding its file {path}"))?;
    }
    for path in &manifest.config {
        insert(to, "INSERT INTO config_files (path, package_id) VALUES (?1, ?2)", &[path, &id])?;
    }
    for path in manifest.directories.keys() {
        let path = path.trim_end_matches('/');
        insert(to, "INSERT OR IGNORE INTO directories (path) VALUES (?1)", &[&path])?;
        insert(
            to,
            "INSERT INTO pkg_directories (package_id, directory_id, try) VALUES (?1, (SELECT id FROM directories WHERE path = ?2), 1)",
            &[&id, &path],
        )?;
    }
    lists(to, manifest, id)?;
    scripts(to, manifest, id)?;
    for (option, value) in &manifest.options {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        insert(to, "INSERT OR IGNORE INTO option (option) VALUES (?1)", &[option])?;
        insert(
            to,
            "INSERT INTO pkg_option VALUES (?1, (SELECT option_id FROM option WHERE option = ?2), ?3)",
            &[&id, option, &value],
        )?;
    }
    for (tag, value) in &manifest.annotations {
        for text in [tag, value] {
            insert(to, "INSERT OR IGNORE INTO annotation (annotation) VALUES (?1)", &[text])?;
        }
        insert(
            to,
            "INSERT INTO pkg_annotation VALUES (?1, (SELECT annotation_id FROM annotation WHERE annotation = ?2), \
             (SELECT annotation_id FROM annotation WHERE annotation = ?3))",
            &[&id, tag, value],
        )?;
    }
    Ok(id)
}

/// Inserts lists of names: each has a table of its own, and a table that links its names to packages.
fn lists(to: &Transaction<'_>, manifest: &Manifest, id: i64) -> Result<()> {
    let lists: [(&[String], &str, &str, &str); 8] = [
        (&manifest.categories, "categories", "name", "pkg_categories"),
        (&manifest.licenses, "licenses", "name", "pkg_licenses"),
        (&manifest.users, "users", "name", "pkg_users"),
        (&manifest.groups, "groups", "name", "pkg_groups"),
        (&manifest.shlibs_required, "shlibs", "name", "pkg_shlibs_required"),
        (&manifest.shlibs_provided, "shlibs", "name", "pkg_shlibs_provided"),
        (&manifest.provides, "provides", "provide", "pkg_provides"),
        (&manifest.requires, "requires", "require", "pkg_requires"),
    ];
    for (names, table, column, links) in lists {
        for name in names {
            let new = format!(
                "INSERT INTO {table} ({column}) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {column} = ?1)"
            );
            insert(to, &new, &[name])?;
            let link = format!(
                "INSERT OR IGNORE INTO {links} VALUES (?1, (SELECT id FROM {table} WHERE {column} = ?2))"
            );
            insert(to, &link, &[&id, name])?;
        }
    }
    Ok(())
}

fn scripts(to: &Transaction<'_>, manifest: &Manifest, id: i64) -> Result<()> {
    for (phase, number) in SCRIPTS {
        let Some(script) = manifest.scripts.get(phase) else { continue };
        insert(to, "INSERT OR IGNORE INTO script (script) VALUES (?1)", &[script])?;
        insert(
            to,
            "INSERT INTO pkg_script (script_id, package_id, type) \
             VALUES ((SELECT script_id FROM script WHERE script = ?1), ?2, ?3)",
            &[script, &id, &number],
        )?;
    }
    for (phase, number) in LUA_SCRIPTS {
        for script in manifest.lua_scripts.get(phase).into_iter().flatten() {
            insert(to, "INSERT OR IGNORE INTO lua_script (lua_script) VALUES (?1)", &[script])?;
            insert(
                to,
                "INSERT OR IGNORE INTO pkg_lua_script (lua_script_id, package_id, type) \
                 VALUES ((SELECT lua_script_id FROM lua_script WHERE lua_script = ?1), ?2, ?3)",
                &[script, &id, &number],
            )?;
        }
    }
    Ok(())
}

fn insert(to: &Transaction<'_>, statement: &str, values: &[&dyn ToSql]) -> Result<()> {
    to.prepare_cached(statement)?.execute(values)?;
    Ok(())
}

/// The messages as pkg keeps them: a list of objects in JSON.
fn messages(manifest: &Manifest) -> Option<String> {
    let message = manifest.messages.as_ref().or(manifest.message.as_ref())?;
    Some(match message {
        Value::String(text) => json!([{ "message": text }]).to_string(),
        list => list.to_string(),
    })
}

/// pkg's number for how licences combine: `|`, `&`, or 1 for a single licence.
fn license_logic(manifest: &Manifest) -> i64 {
    match manifest.licenselogic.as_deref() {
        Some("or" | "dual") => i64::from(b'|'),
        Some("and" | "multi") => i64::from(b'&'),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str, version: &str) -> Manifest {
        let text = format!(
            r#"{{"name":"{name}","version":"{version}","origin":"misc/{name}","abi":"FreeBSD:13:i386","users":["www"],
            "deps":{{"b":{{"origin":"misc/b","version":"0"}}}},"licenselogic":"or","message":"hello","options":{{"X":true}},
            "files":{{"/usr/local/{name}":{{"sum":"1$x","uname":"root","perm":"0555","fflags":"schg"}},
            "/old/{name}":"-"}},"directories":{{"/var/db/x/":"y","/var/{name}":{{"perm":"0750","uname":"www"}}}},
            "scripts":{{"post-install":"true"}},"lua_scripts":{{"post-install":["return 0","return 0"]}},
            "annotations":{{"flavor":"{name}"}},"requires":["r"],"shlibs_required":["libc.so.7"]}}"#
        );
        Manifest::parse(text.as_bytes()).unwrap()
    }

    fn registered(manifests: &[Manifest]) -> Connection {
        let packages: Vec<_> = manifests
            .iter()
            .map(|manifest| Registration { manifest, automatic: manifest.name == "b" })
            .collect();
        let bytes = database(&packages, 1_700_000_000).unwrap();
        assert_eq!(
            bytes,
            database(&packages, 1_700_000_000).unwrap(),
            "the same packages give the same bytes"
        );
        let mut connection = Connection::open_in_memory().unwrap();
        connection.deserialize_read_exact("main", bytes.as_slice(), bytes.len(), false).unwrap();
        connection
    }

    fn ask(connection: &Connection, question: &str) -> Vec<String> {
        let mut statement = connection.prepare(question).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let text = |column| format!("{:?}", row.get::<_, rusqlite::types::Value>(column).unwrap());
            Ok((0..columns).map(text).collect::<Vec<_>>().join(" "))
        };
        statement.query_map([], row).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn packages_are_registered_with_everything_that_pkg_queries() {
        let connection = registered(&[manifest("a", "1"), manifest("b", "2_1")]);
        let questions = [
            "SELECT name, version, arch, automatic, licenselogic, time, message FROM packages",
            "SELECT name, version, package_id FROM deps ORDER BY package_id",
            "SELECT path, sha256, uname, perm, fflags, mtime FROM files ORDER BY path",
            "SELECT path, uname, perm FROM directories ORDER BY path",
            "SELECT count(*) FROM pkg_directories",
            "SELECT count(*) FROM pkg_users JOIN users ON users.id = user_id WHERE name = 'www'",
            "SELECT count(*) FROM pkg_requires JOIN requires ON id = require_id",
            "SELECT type, script FROM pkg_script JOIN script USING (script_id)",
            "SELECT count(*) FROM pkg_lua_script",
            "SELECT * FROM flavors",
            "PRAGMA integrity_check",
            "PRAGMA foreign_key_check",
        ];
        let answers: Vec<String> = questions
            .iter()
            .map(|question| format!("{question}\n  {}", ask(&connection, question).join("\n  ")))
            .collect();
        insta::assert_snapshot!(answers.join("\n"));
    }

    #[test]
    fn the_tables_are_those_of_the_pkg_in_the_image() {
        for (pkg, version) in
            [("1.17.5", 36), ("1.20.9_1", 36), ("2.4.2", 37), ("2.6.0", 38), ("2.7.5", 39), ("2.8.4", 42)]
        {
            let connection = registered(&[manifest("pkg", pkg)]);
            assert_eq!(ask(&connection, "PRAGMA user_version"), [format!("Integer({version})")], "{pkg}");
        }
        assert_eq!(ask(&registered(&[manifest("a", "1")]), "PRAGMA user_version"), ["Integer(42)"]);
    }

    #[test]
    fn two_packages_with_the_same_file_are_refused() {
        let (one, mut other) = (manifest("a", "1"), manifest("b", "1"));
        other.files = one.files.clone();
        let packages = [&one, &other].map(|manifest| Registration { manifest, automatic: false });
        let error = format!("{:#}", database(&packages, 0).unwrap_err());
        assert!(error.starts_with("registering the package `b`: adding its file /old/a: UNIQUE"), "{error}");
    }
}
