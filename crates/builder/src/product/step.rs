//! A step: a change to the tree that the product definition states, read from `[[customize.step]]`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use rootfs::tree::{Principal, TreePath};

use super::assignment::Assignment;
use super::overlay::octal;
use super::raw::RawStep;

/// When something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// After the layers are merged, before NanoBSD's rules.
    Early,
    /// After `/etc` is set up for a read-only root, before it is copied to `/conf`.
    Customize,
    /// After everything else.
    Late,
}

impl Stage {
    /// All, in their order.
    pub const ALL: [Self; 3] = [Self::Early, Self::Customize, Self::Late];

    /// Its name, in messages and as the directory of its hooks with `.d` behind it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Early => "early",
            Self::Customize => "customize",
            Self::Late => "late",
        }
    }
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub stage: Stage,
    /// What messages call it: `customize.step 3`.
    pub name: String,
    /// What is done.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "a field is what the key of the same name says")]
pub enum Action {
    /// A file is made, or gets other content; what is not stated stays, or is 0644 and root's.
    Put { path: TreePath, text: Text, mode: Option<u16>, owner: Option<Owner> },
    /// Text is added at the end of a file that is there.
    Append { path: TreePath, text: String },
    /// Each line that is `line` becomes `with`.
    Replace { path: TreePath, line: String, with: String },
    /// A path goes, with all below.
    Remove { path: TreePath },
    /// A path gets other permission bits.
    Chmod { path: TreePath, mode: u16 },
    /// A path gets another owner.
    Chown { path: TreePath, owner: Owner },
    /// A symbolic link is made.
    Symlink { path: TreePath, to: String },
    /// A directory is made.
    Mkdir { path: TreePath, mode: Option<u16>, owner: Option<Owner> },
    /// A variable of rc.conf(5) is set.
    Sysrc { file: TreePath, assignment: Assignment },
    /// sshd runs, and lets root in with a key.
    AllowSshKeys,
    /// sshd lets root in.
    AllowSshRoot,
}

/// Where content comes from.
#[derive(Clone, Debug)]
pub enum Text {
    /// The definition.
    Inline(String),
    /// A file, from the root of the repository.
    From(PathBuf),
}

/// What is stated of an owner.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The user.
    pub user: Option<Principal>,
    /// The group.
    pub group: Option<Principal>,
}

/// The verbs, of which a step has one.
const VERBS: &str = "put, append, replace, remove, chmod, chown, symlink, mkdir, sysrc";

pub(super) fn step(name: &str, mut raw: RawStep) -> Result<Step> {
    let stage = match raw.stage.take().as_deref().unwrap_or("customize") {
        "early" => Stage::Early,
        "customize" => Stage::Customize,
        "late" => Stage::Late,
        other => bail!("stage: `{other}` is unknown\nhint: NanoBSD has `early`, `customize` and `late`"),
    };
    let verbs = [
        ("put", raw.put.take()),
        ("append", raw.append.take()),
        ("replace", raw.replace.take()),
        ("remove", raw.remove.take()),
        ("chmod", raw.chmod.take()),
        ("chown", raw.chown.take()),
        ("symlink", raw.symlink.take()),
        ("mkdir", raw.mkdir.take()),
        ("sysrc", raw.sysrc.take()),
    ];
    let mut given = verbs.into_iter().filter_map(|(verb, value)| Some((verb, value?)));
    let (verb, value) =
        given.next().with_context(|| format!("the verb is missing\nhint: a step has one of {VERBS}"))?;
    if let Some((second, _)) = given.next() {
        bail!("both `{verb}` and `{second}`\nhint: a step has one of {VERBS}; make two steps of it");
    }
    let action = action(verb, value, &mut raw).with_context(|| format!("`{verb}`"))?;
    let left = [
        ("text", raw.text.is_some()),
        ("from", raw.from.is_some()),
        ("mode", raw.mode.is_some()),
        ("owner", raw.owner.is_some()),
        ("line", raw.line.is_some()),
        ("with", raw.with.is_some()),
        ("to", raw.to.is_some()),
        ("file", raw.file.is_some()),
    ];
    if let Some((key, _)) = left.into_iter().find(|(_, given)| *given) {
        bail!("`{verb}` does not use `{key}`\nhint: remove it");
    }
    Ok(Step { stage, name: name.to_owned(), action })
}

fn action(verb: &str, value: String, raw: &mut RawStep) -> Result<Action> {
    if verb == "sysrc" {
        let file = raw.file.take().unwrap_or_else(|| "/etc/rc.conf".to_owned());
        return Ok(Action::Sysrc { file: path(&file)?, assignment: Assignment::parse(&value)? });
    }
    let path = path(&value)?;
    let need = |text: Option<String>, key: &str| text.with_context(|| format!("it needs `{key}`"));
    Ok(match verb {
        "put" => {
            let text = match (raw.text.take(), raw.from.take()) {
                (Some(text), None) => Text::Inline(text),
                (None, Some(from)) => Text::From(PathBuf::from(from)),
                (None, None) => bail!("it needs `text`, or `from` with a file of the repository"),
                (Some(_), Some(_)) => bail!("both `text` and `from` are set\nhint: drop one of them"),
            };
            Action::Put { path, text, mode: mode(raw)?, owner: owner(raw)? }
        }
        "append" => Action::Append { path, text: need(raw.text.take(), "text")? },
        "replace" => {
            let line = need(raw.line.take(), "line")?;
            ensure!(!line.contains('\n'), "line: it has more than one line\nhint: replace them one by one");
            Action::Replace { path, line, with: need(raw.with.take(), "with")? }
        }
        "remove" => Action::Remove { path },
        "chmod" => Action::Chmod { path, mode: mode(raw)?.context("it needs `mode`")? },
        "chown" => Action::Chown { path, owner: owner(raw)?.context("it needs `owner`")? },
        "symlink" => Action::Symlink { path, to: need(raw.to.take(), "to")? },
        _ => Action::Mkdir { path, mode: mode(raw)?, owner: owner(raw)? },
    })
}

fn path(text: &str) -> Result<TreePath> {
    ensure!(
        text.starts_with('/') && text.len() > 1,
        "`{text}`: a path of the image starts with `/`, its root"
    );
    TreePath::parse(text)
}

fn mode(raw: &mut RawStep) -> Result<Option<u16>> {
    raw.mode.take().map(|mode| octal(&mode)).transpose()
}

/// `user`, `user:group` or `:group`, as chown(8) takes it.
fn owner(raw: &mut RawStep) -> Result<Option<Owner>> {
    let Some(text) = raw.owner.take() else { return Ok(None) };
    let (user, group) = text.split_once(':').unwrap_or((&text, ""));
    let principal = |name: &str| (!name.is_empty()).then(|| Principal::from(name));
    let owner = Owner { user: principal(user), group: principal(group) };
    ensure!(
        owner.user.is_some() || owner.group.is_some(),
        "owner: `{text}`\nhint: write `user`, `user:group` or `:group`"
    );
    Ok(Some(owner))
}
