//! The GEOM tree as `kern.geom.conftxt` shows it: which disk a provider is a part of.
//!
//! One provider per line, after its depth; a disk has depth 0 (`g_conftxt_geom`, sys/geom/geom_dump.c):
//!
//! ```text
//! 0 DISK ada0 1014644736 512 hd 16 sc 63
//! 1 PART ada0s1 504741888 512 i 1 o 2064384 ty freebsd xs MBR xt 165
//! 2 LABEL label/gws1 504741376 512 i 0 o 0
//! ```

/// The name of the disk that `provider` is a part of, without `/dev/`.
pub fn disk_of<'t>(tree: &'t str, provider: &str) -> Option<&'t str> {
    above(tree, provider, 0)
}

/// All names under which a part of a slice can be mounted: `ada0s2`, `ada0s2a`, `label/gws2`, `label/gws2a`. The slice is
/// given by any of them.
pub fn names_of_slice<'t>(tree: &'t str, provider: &str) -> Vec<&'t str> {
    let Some(slice) = above(tree, provider, 1) else { return Vec::new() };
    let lines = lines(tree).skip_while(|(_, name)| *name != slice);
    let below = lines.clone().skip(1).take_while(|(depth, _)| *depth > 1);
    lines.take(1).chain(below).map(|(_, name)| name).collect()
}

/// The ancestor of `provider` at `depth`.
fn above<'t>(tree: &'t str, provider: &str, depth: u32) -> Option<&'t str> {
    let mut found = None;
    for (at, name) in lines(tree) {
        if at == depth {
            found = Some(name);
        } else if at < depth {
            found = None;
        }
        if name == provider {
            return found;
        }
    }
    None
}

/// Depth and name of each provider.
fn lines(tree: &str) -> impl Iterator<Item = (u32, &str)> + Clone {
    tree.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        Some((fields.next()?.parse().ok()?, fields.nth(1)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
0 DISK cd0 0 2048 hd 0 sc 0
0 DISK ada1 1014644736 512 hd 16 sc 63
1 PART ada1s1 504741888 512 i 1 o 2064384 ty freebsd xs MBR xt 165
2 LABEL label/gws1 504741376 512 i 0 o 0
3 PART label/gws1a 504733184 512 i 1 o 8192 ty freebsd-ufs xs BSD xt 7
1 PART ada1s3 2064384 512 i 3 o 1011548160 ty freebsd xs MBR xt 165
0 DISK da0 1014644736 512 hd 255 sc 63
1 PART da0s1 504741888 512 i 1 o 2064384 ty freebsd xs MBR xt 165
";

    #[test]
    fn a_part_belongs_to_the_disk_above_it() {
        for (provider, disk) in [("label/gws1", "ada1"), ("ada1s3", "ada1"), ("da0s1", "da0"), ("da0", "da0")]
        {
            assert_eq!(disk_of(TREE, provider), Some(disk));
        }
        assert_eq!(disk_of(TREE, "label/gws2"), None);
        assert_eq!(disk_of("", "ada0"), None);
        assert_eq!(disk_of("0", "ada0"), None);
    }

    #[test]
    fn a_slice_has_the_names_of_everything_in_it() {
        let names = ["ada1s1", "label/gws1", "label/gws1a"];
        for provider in names {
            assert_eq!(names_of_slice(TREE, provider), names);
        }
        assert_eq!(names_of_slice(TREE, "ada1s3"), ["ada1s3"]);
        for provider in ["ada1", "da0", "label/gws2"] {
            assert!(names_of_slice(TREE, provider).is_empty(), "{provider}");
        }
    }
}
