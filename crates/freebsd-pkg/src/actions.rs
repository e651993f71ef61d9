//! What the scripts of a package do when it is installed, as facts.

/// What is done in place of a package's scripts, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    /// Groups to create.
    pub groups: Vec<Group>,
    /// Users to create.
    pub users: Vec<User>,
    /// Users to add to groups.
    pub memberships: Vec<Membership>,
    /// Files to copy unless the target exists: source and target.
    pub samples: Vec<(String, String)>,
    /// Empty files to create unless they exist.
    pub empty_files: Vec<String>,
    /// Login shells for `/etc/shells`.
    pub shells: Vec<String>,
    /// Directories to create.
    pub directories: Vec<Directory>,
    /// Scripts that contain something else.
    pub unhandled: Vec<UnhandledScript>,
}

/// A group to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name.
    pub name: String,
    /// The number.
    pub gid: u32,
}

/// A user to create, without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The number.
    pub uid: u32,
    /// The login group, by number or name.
    pub group: String,
    /// The login class.
    pub class: String,
    /// The full name.
    pub gecos: String,
    /// The home directory.
    pub home: String,
    /// The login shell.
    pub shell: String,
}

/// A user to add to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The name of the group.
    pub group: String,
    /// The name of the user.
    pub user: String,
}

/// A directory to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// The absolute path.
    pub path: String,
    /// The owner.
    pub user: String,
    /// The group.
    pub group: String,
    /// Permission bits.
    pub mode: u16,
}

/// A script with a line that is not recognized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnhandledScript {
    /// `pre-install`, `install` or `post-install`.
    pub phase: String,
    /// The language that it is written in.
    pub language: Language,
    /// The whole script.
    pub script: String,
    /// The first line that is not recognized.
    pub line: String,
}

/// The languages of packages' scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// sh(1)
    Shell,
    /// Lua, with functions that only pkg itself has.
    Lua,
}
