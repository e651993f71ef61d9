//! Prints sizes.

use report::{Lines, growth, plain, size};

use super::weigh::{File, Sizes, Sum};

/// The lines of `sizes`.
pub fn text(sizes: &Sizes) -> String {
    let mut out = Lines::default();
    out.line(format!("build     {}", plain(&sizes.build)));
    match (&sizes.since, &sizes.note) {
        (Some(since), Some(note)) => out.line(format!("growth    since {since}; {note}")),
        (Some(since), None) => out.line(format!("growth    since {since}")),
        (None, Some(note)) => out.line(format!("growth    unknown: {note}")),
        (None, None) => {}
    }
    slot(&mut out, sizes);
    for service in &sizes.services {
        let budget = sizes.service_budget.map(|budget| against(service.sum.bytes, budget));
        out.line(format!(
            "service   {}: {}{}{}",
            plain(&service.path),
            size(service.sum.bytes),
            grown(service.sum.growth),
            budget.unwrap_or_default()
        ));
    }

    out.line(format!(
        "\n{:<20} {:>7} {:>11} {:>6} {:>11}",
        "layer",
        "paths",
        "bytes",
        "share",
        column(sizes)
    ));
    let used = sizes.usage.map_or(sizes.content.bytes, |usage| usage.used);
    for layer in &sizes.layers {
        row(&mut out, &layer.name, &layer.paths.to_string(), layer.sum, used);
    }
    if let Some(usage) = sizes.usage {
        let own = Sum {
            bytes: usage.used.saturating_sub(sizes.content.bytes),
            growth: sizes
                .usage_growth
                .zip(sizes.content.growth)
                .map(|(all, content)| all.saturating_sub(content)),
        };
        row(&mut out, "(file system)", "", own, used);
    }

    if !sizes.has_paths {
        out.line("\nA manifest lists no paths; pass the directory of the version to see them.");
        return out.into_text();
    }
    out.line(format!("\n{:>11} {:>11}  directory", "bytes", column(sizes)));
    for directory in &sizes.tree {
        let indent = "  ".repeat(directory.depth);
        sum(&mut out, directory.sum, &format!("{indent}{}", plain(&directory.path)));
    }
    for (title, list) in [("largest file", &sizes.largest), ("file that grew most", &sizes.grown)] {
        if !list.is_empty() {
            files(&mut out, sizes, title, list);
        }
    }
    out.into_text()
}

/// The title of the column that is empty without an earlier build.
fn column(sizes: &Sizes) -> &'static str {
    if sizes.since.is_some() { "growth" } else { "" }
}

fn slot(out: &mut Lines, sizes: &Sizes) {
    let files = size(sizes.content.bytes);
    let Some(usage) = sizes.usage else {
        let growth = grown(sizes.content.growth);
        let budget = sizes
            .slot_budget
            .map(|budget| format!("; the budget, {}, counts the file system too", size(budget)));
        return out.line(format!("slot      {files} of files{growth}{}", budget.unwrap_or_default()));
    };
    let budget = sizes.slot_budget.map(|budget| against(usage.used, budget));
    out.line(format!(
        "slot      {} of {} used, {files} by files{}{}",
        size(usage.used),
        size(usage.size),
        grown(sizes.usage_growth),
        budget.unwrap_or_default()
    ));
}

/// The share of a budget, and what is left of it.
fn against(bytes: u64, budget: u64) -> String {
    let percent = percent(bytes, budget);
    let left = match budget.checked_sub(bytes) {
        Some(left) => format!("{} left", size(left)),
        None => format!("{} OVER IT", size(bytes - budget)),
    };
    format!("; {percent} % of its budget of {}, {left}", size(budget))
}

fn percent(part: u64, whole: u64) -> u128 {
    u128::from(part) * 100 / u128::from(whole.max(1))
}

fn grown(bytes: Option<i64>) -> String {
    bytes.map(|bytes| format!(", {}", growth(bytes))).unwrap_or_default()
}

fn change(sum: Sum) -> String {
    sum.growth.filter(|bytes| *bytes != 0).map(growth).unwrap_or_default()
}

fn row(out: &mut Lines, name: &str, paths: &str, sum: Sum, whole: u64) {
    let share = format!("{} %", percent(sum.bytes, whole));
    out.line(format!(
        "{:<20} {paths:>7} {:>11} {share:>6} {:>11}",
        plain(name),
        size(sum.bytes),
        change(sum)
    ));
}

fn sum(out: &mut Lines, sum: Sum, what: &str) {
    out.line(format!("{:>11} {:>11}  {what}", size(sum.bytes), change(sum)));
}

fn files(out: &mut Lines, sizes: &Sizes, title: &str, files: &[File]) {
    out.line(format!("\n{:>11} {:>11}  {title}", "bytes", column(sizes)));
    for file in files {
        sum(out, file.sum, &format!("{}  ({})", plain(&file.path), plain(&file.layer)));
    }
}
