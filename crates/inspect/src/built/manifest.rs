//! Reads the manifest of a build as a list of properties, whichever builder wrote it.

use anyhow::{Context, Result};
use serde_json::Value;

use super::build::{Properties, Usage};
use super::node::{LayerTotal, Layers};

/// A manifest.
#[derive(Debug)]
pub struct Read {
    /// The version.
    pub version: String,
    /// Everything but the layers, by path: `world.kernel`, `images.full.img.sha256`.
    pub properties: Properties,
    /// The size of each layer.
    pub layers: Option<Layers>,
    /// How full the file system of a slot is.
    pub usage: Option<Usage>,
}

/// Reads a manifest; `name` is for messages.
///
/// # Errors
/// It is not JSON, or has no version.
pub fn parse(name: &str, text: &str) -> Result<Read> {
    let attempt = || format!("reading the manifest {name}");
    let mut value: Value = serde_json::from_str(text).with_context(attempt)?;
    let version =
        value["version"].as_str().with_context(|| format!("{}: it has no `version`", attempt()))?.to_owned();
    let layers = value.as_object_mut().and_then(|fields| fields.remove("layers"));
    let layers =
        layers.as_ref().and_then(Value::as_array).map(|layers| layers.iter().filter_map(layer).collect());
    let bytes = |key: &str| value["filesystem"][key].as_u64();
    let usage = bytes("bytes_used").zip(bytes("bytes")).map(|(used, size)| Usage { used, size });
    let mut properties = Properties::new();
    flatten(&mut properties, "", &value, &version);
    Ok(Read { version, properties, layers, usage })
}

fn layer(value: &Value) -> Option<(String, LayerTotal)> {
    let total = LayerTotal { paths: value["entries"].as_u64()?, bytes: value["bytes"].as_u64()? };
    Some((value["name"].as_str()?.to_owned(), total))
}

fn flatten(properties: &mut Properties, name: &str, value: &Value, version: &str) {
    let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| flatten(properties, &below(key), value, version));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten(properties, &below(&item_name(item, index, version)), item, version);
            }
        }
        // The names of the other properties contain the file's name, without the version.
        Value::String(_) if name.starts_with("images.") && name.ends_with(".file") => {}
        Value::String(text) => properties.push((name.to_owned(), text.clone())),
        Value::Null => properties.push((name.to_owned(), "none".to_owned())),
        other => properties.push((name.to_owned(), other.to_string())),
    }
}

/// The name of a list item, which must not depend on the version.
fn item_name(item: &Value, index: usize, version: &str) -> String {
    let file = item["file"].as_str().and_then(|file| file.split_once(version));
    let file = file.map(|(_, end)| end.trim_start_matches('.').to_owned());
    let name = item["name"].as_str().map(str::to_owned);
    file.or(name)
        .or_else(|| item["slice"].as_u64().map(|slice| slice.to_string()))
        .unwrap_or_else(|| index.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_have_the_same_names_in_every_version() {
        let text = r#"{"version": "1.2.3", "dirty": false, "world": {"kernel": null},
            "layers": [{"name": "world", "entries": 3, "bytes": 40}], "tried": ["x"],
            "filesystem": {"bytes": 900, "bytes_used": 100}, "partitions": [{"slice": 3, "sectors": 2048}],
            "images": [{"file": "sluice-alix-1.2.3.full.img", "bytes": 7}]}"#;
        let read = parse("manifest.json", text).unwrap();
        let properties: Vec<String> =
            read.properties.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            properties,
            [
                "dirty=false",
                "filesystem.bytes=900",
                "filesystem.bytes_used=100",
                "images.full.img.bytes=7",
                "partitions.3.sectors=2048",
                "partitions.3.slice=3",
                "tried.0=x",
                "version=1.2.3",
                "world.kernel=none"
            ]
        );
        assert_eq!(read.layers.unwrap()["world"], LayerTotal { paths: 3, bytes: 40 });
        assert_eq!(read.usage, Some(Usage { used: 100, size: 900 }));
    }

    #[test]
    fn what_is_not_a_manifest_is_refused() {
        let refusal = |text: &str| format!("{:#}", parse("/x/manifest.json", text).unwrap_err());
        assert_eq!(
            refusal("{\"version\": 1"),
            "reading the manifest /x/manifest.json: EOF while parsing an object at line 1 column 13"
        );
        assert_eq!(refusal("{\"version\": 1}"), "reading the manifest /x/manifest.json: it has no `version`");
    }
}
