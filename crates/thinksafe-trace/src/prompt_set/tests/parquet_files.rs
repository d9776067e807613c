//! Parquet files, written here by the crate that reads them.

use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;

use super::*;

const SCHEMA: &str = "message prompts {
    required int64 id;
    optional binary prompt (UTF8);
    required binary label (UTF8);
}";

/// Rows of (id, prompt); the label is the same for all.
fn write(path: &Path, rows: &[(i64, Option<&str>)]) {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();

    let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&ids, None, None).unwrap();
    column.close().unwrap();

    let texts: Vec<ByteArray> = rows.iter().filter_map(|row| row.1).map(ByteArray::from).collect();
    let defined: Vec<i16> = rows.iter().map(|row| i16::from(row.1.is_some())).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&texts, Some(&defined), None).unwrap();
    column.close().unwrap();

    let labels = vec![ByteArray::from("vanilla_harmful"); rows.len()];
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&labels, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn rows_read_back_and_a_null_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.parquet");
    write(&path, &[(1, Some("a\n")), (2, Some("é"))]);
    let set = PromptSet::read(&path, &Columns::default()).unwrap();
    assert_eq!(texts(&set), ["a\n", "é"]);
    assert_eq!(set.prompts()[1].id, "2");
    assert_eq!(set.prompts()[1].label, PromptLabel::VanillaHarmful);
    write(&path, &[(1, Some("a")), (2, None)]);
    let error = PromptSet::read(&path, &Columns::default()).unwrap_err().to_string();
    assert!(error.ends_with("p.parquet, row 2: field `prompt` is null, expected text"), "{error}");
}

#[test]
fn a_truncated_file_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.parquet");
    write(&path, &[(1, Some("a"))]);
    let bytes = std::fs::read(&path).unwrap();
    for cut in [0, 3, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let error = PromptSet::read(&path, &Columns::default()).unwrap_err().to_string();
        assert!(error.contains("p.parquet, row 1: not valid Parquet"), "{error}");
    }
}
