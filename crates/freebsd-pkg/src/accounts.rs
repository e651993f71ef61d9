//! Adds the users and groups that packages need to the account files of an image, with the numbers of the ports tree.
//! Existing accounts do not change.

use anyhow::{Context, Result, bail, ensure};

use crate::actions::{Actions, Membership, User};

/// The account files of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFiles {
    /// `master.passwd(5)`
    pub master_passwd: String,
    /// `passwd(5)`
    pub passwd: String,
    /// `group(5)`
    pub group: String,
}

/// Indices of fields in `master.passwd`, `passwd` and `group`.
const NAME: usize = 0;
const NUMBER: usize = 2;
const MEMBERS: usize = 3;

impl AccountFiles {
    /// Adds the accounts of the package `name`, which `needs` these users and groups.
    ///
    /// # Errors
    /// A number belongs to another account, a group does not exist, or `actions` do not create an account that the package
    /// needs.
    pub fn add(&mut self, name: &str, actions: &Actions, needs: (&[String], &[String])) -> Result<()> {
        self.add_all(actions, needs).with_context(|| format!("adding the accounts of the package `{name}`"))
    }

    fn add_all(&mut self, actions: &Actions, (users, groups): (&[String], &[String])) -> Result<()> {
        for group in &actions.groups {
            require_plain(&[&group.name])?;
            if find(&self.group, NAME, &group.name).is_none() {
                require_free(&self.group, "group", &group.name, group.gid)?;
                append(&mut self.group, &format!("{}:*:{}:", group.name, group.gid));
            }
        }
        for user in &actions.users {
            require_plain(&[&user.name, &user.group, &user.class, &user.gecos, &user.home, &user.shell])?;
            if find(&self.master_passwd, NAME, &user.name).is_none() {
                require_free(&self.master_passwd, "user", &user.name, user.uid)?;
                self.add_user(user)?;
            }
        }
        for Membership { group, user } in &actions.memberships {
            require_plain(&[group, user])?;
            self.add_member(group, user)?;
        }
        for (what, file, needed) in [("user", &self.master_passwd, users), ("group", &self.group, groups)] {
            if let Some(name) = needed.iter().find(|name| find(file, NAME, name).is_none()) {
                bail!(
                    "it needs the {what} `{name}`, which the image does not have and its pre-install script does not create"
                );
            }
        }
        Ok(())
    }

    fn add_user(&mut self, user: &User) -> Result<()> {
        let User { name, uid, group, class, gecos, home, shell } = user;
        let gid: u32 = match group.parse() {
            Ok(gid) => gid,
            Err(_) => find(&self.group, NAME, group)
                .and_then(|line| line.split(':').nth(NUMBER)?.parse().ok())
                .with_context(|| {
                    format!("the user `{name}` should be in the group `{group}`, which does not exist")
                })?,
        };
        append(&mut self.master_passwd, &format!("{name}:*:{uid}:{gid}:{class}:0:0:{gecos}:{home}:{shell}"));
        append(&mut self.passwd, &format!("{name}:*:{uid}:{gid}:{gecos}:{home}:{shell}"));
        Ok(())
    }

    fn add_member(&mut self, group: &str, user: &str) -> Result<()> {
        let line = find(&self.group, NAME, group)
            .with_context(|| {
                format!("the user `{user}` should be in the group `{group}`, which does not exist")
            })?
            .to_owned();
        let members = line.split(':').nth(MEMBERS).unwrap_or_default();
        if members.split(',').any(|member| member == user) {
            return Ok(());
        }
        let comma = if members.is_empty() { "" } else { "," };
        let longer = format!("{}{comma}{user}", line.trim_end());
        let lines: Vec<&str> =
            self.group.lines().map(|known| if known == line { longer.as_str() } else { known }).collect();
        self.group = lines.join("\n") + "\n";
        Ok(())
    }
}

fn append(file: &mut String, line: &str) {
    if !file.is_empty() && !file.ends_with('\n') {
        file.push('\n');
    }
    file.push_str(line);
    file.push('\n');
}

/// The line in which a field is `value`.
fn find<'a>(file: &'a str, field: usize, value: &str) -> Option<&'a str> {
    file.lines().find(|line| !line.starts_with('#') && line.split(':').nth(field) == Some(value))
}

fn require_free(file: &str, what: &str, name: &str, number: u32) -> Result<()> {
    if let Some(other) = find(file, NUMBER, &number.to_string()).and_then(|line| line.split(':').next()) {
        bail!("the {what} `{name}` needs the number {number}, which belongs to `{other}` in the image");
    }
    Ok(())
}

/// Refuses text that would begin another field or line.
fn require_plain(texts: &[&str]) -> Result<()> {
    let bad = texts.iter().find(|text| text.contains([':', '\n']));
    ensure!(bad.is_none(), "`{}` is not allowed in an account", bad.copied().unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::Group;

    fn files() -> AccountFiles {
        AccountFiles {
            master_passwd: "# c\nroot:*:0:0::0:0:Charlie:/root:/bin/sh\nwww:*:80:80::0:0:W:/:/x".into(),
            passwd: "root:*:0:0:Charlie:/root:/bin/sh\nwww:*:80:80:W:/:/x\n".into(),
            group: "wheel:*:0:root\nmail:*:6:\nwww:*:80:\n".into(),
        }
    }

    fn user(name: &str, uid: u32, group: &str) -> User {
        User {
            name: name.into(),
            uid,
            group: group.into(),
            class: "daemon".into(),
            gecos: "A B".into(),
            home: "/nonexistent".into(),
            shell: "/usr/sbin/nologin".into(),
        }
    }

    #[test]
    fn new_accounts_are_added_and_existing_ones_stay() {
        let mut files = files();
        let member = |group: &str, user: &str| Membership { group: group.into(), user: user.into() };
        let actions = Actions {
            groups: vec![Group { name: "www".into(), gid: 8080 }, Group { name: "db".into(), gid: 88 }],
            users: vec![user("www", 8080, "8080"), user("db", 88, "db")],
            memberships: vec![member("mail", "db"), member("wheel", "db"), member("wheel", "db")],
            ..Actions::default()
        };
        files.add("x", &actions, (&["db".into(), "www".into()], &["mail".into()])).unwrap();
        assert_eq!(files.group, "wheel:*:0:root,db\nmail:*:6:db\nwww:*:80:\ndb:*:88:\n");
        assert!(
            files.master_passwd.ends_with("/x\ndb:*:88:88:daemon:0:0:A B:/nonexistent:/usr/sbin/nologin\n")
        );
        assert!(files.passwd.ends_with("/x\ndb:*:88:88:A B:/nonexistent:/usr/sbin/nologin\n"));
        let before = files.clone();
        files.add("x", &actions, (&[], &[])).unwrap();
        assert_eq!(files, before);
    }

    #[test]
    fn accounts_that_cannot_be_added_are_refused() {
        let error = |actions: Actions, users: &[String]| {
            format!("{:#}", files().add("x", &actions, (users, &[])).unwrap_err())
        };
        let with = |user: User| Actions { users: vec![user], ..Actions::default() };
        insta::assert_snapshot!(error(with(user("db", 80, "6")), &[]), @"adding the accounts of the package `x`: the user `db` needs the number 80, which belongs to `www` in the image");
        insta::assert_snapshot!(error(with(user("db", 88, "db")), &[]), @"adding the accounts of the package `x`: the user `db` should be in the group `db`, which does not exist");
        insta::assert_snapshot!(error(Actions::default(), &["db".into()]), @"adding the accounts of the package `x`: it needs the user `db`, which the image does not have and its pre-install script does not create");
        insta::assert_snapshot!(error(with(user("a:b", 88, "6")), &[]), @"adding the accounts of the package `x`: `a:b` is not allowed in an account");
    }
}
