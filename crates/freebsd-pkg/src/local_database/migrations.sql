-- The changes of later versions of pkg(8), from each version to the next (`libpkg/private/db_upgrades.h`).
-- version 37
ALTER TABLE files ADD COLUMN uname TEXT;
ALTER TABLE files ADD COLUMN gname TEXT;
ALTER TABLE files ADD COLUMN perm INTEGER;
ALTER TABLE files ADD COLUMN fflags INTEGER;
ALTER TABLE files ADD COLUMN mtime INTEGER;
ALTER TABLE files ADD COLUMN symlink_target TEXT;
ALTER TABLE directories ADD COLUMN uname TEXT;
ALTER TABLE directories ADD COLUMN gname TEXT;
ALTER TABLE directories ADD COLUMN perm INTEGER;
ALTER TABLE directories ADD COLUMN fflags INTEGER;
-- version 38
CREATE TABLE pkg_shlibs_required_ignore (
  package_id INTEGER NOT NULL REFERENCES packages(id) ON DELETE CASCADE ON UPDATE CASCADE,
  shlib_id INTEGER NOT NULL REFERENCES shlibs(id) ON DELETE RESTRICT ON UPDATE RESTRICT, UNIQUE (package_id, shlib_id));
CREATE TABLE pkg_shlibs_provided_ignore (
  package_id INTEGER NOT NULL REFERENCES packages(id) ON DELETE CASCADE ON UPDATE CASCADE,
  shlib_id INTEGER NOT NULL REFERENCES shlibs(id) ON DELETE RESTRICT ON UPDATE RESTRICT, UNIQUE (package_id, shlib_id));
CREATE INDEX pkg_shlibs_required_ignore_package_id ON pkg_shlibs_required_ignore(package_id);
CREATE INDEX pkg_shlibs_provided_ignore_package_id ON pkg_shlibs_provided_ignore(package_id);
-- version 39
CREATE INDEX provides_provide ON provides(provide);
CREATE INDEX pkg_provides_provide_id ON pkg_provides(provide_id);
CREATE INDEX requires_require ON requires(require);
CREATE INDEX pkg_requires_require_id ON pkg_requires(require_id);
CREATE INDEX pkg_requires_package_id ON pkg_requires(package_id);
CREATE INDEX config_files_package_id ON config_files(package_id);
CREATE INDEX pkg_lua_script_package_id ON pkg_lua_script(package_id);
-- version 42
DROP INDEX pkg_script_package_id;
DROP INDEX pkg_directories_package_id;
DROP INDEX pkg_categories_package_id;
DROP INDEX pkg_licenses_package_id;
DROP INDEX pkg_users_package_id;
DROP INDEX pkg_groups_package_id;
DROP INDEX pkg_shlibs_required_package_id;
DROP INDEX pkg_shlibs_required_ignore_package_id;
DROP INDEX pkg_shlibs_provided_package_id;
DROP INDEX pkg_shlibs_provided_ignore_package_id;
DROP INDEX pkg_annotation_package_id;
DROP INDEX pkg_conflicts_pid;
DROP INDEX pkg_provides_id;
DROP INDEX pkg_requires_package_id;
DROP INDEX pkg_lua_script_package_id;
CREATE VIEW flavors AS
  SELECT package_id, value.annotation AS flavor FROM pkg_annotation
  LEFT JOIN annotation tag ON pkg_annotation.tag_id = tag.annotation_id
  LEFT JOIN annotation value ON pkg_annotation.value_id = value.annotation_id WHERE tag.annotation = 'flavor';
CREATE INDEX pkg_shlibs_required_shlib_id ON pkg_shlibs_required(shlib_id);
CREATE INDEX pkg_shlibs_required_ignore_shlib_id ON pkg_shlibs_required_ignore(shlib_id);
CREATE INDEX pkg_shlibs_provided_shlib_id ON pkg_shlibs_provided(shlib_id);
CREATE INDEX pkg_shlibs_provided_ignore_shlib_id ON pkg_shlibs_provided_ignore(shlib_id);
