//! Rows from Parquet, through the row interface: prompt files are small, and no Arrow is needed for them.

use std::fs::File;
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

use super::{EachRow, Row};
use crate::error::{Error, Place};

pub(super) fn read(path: &Path, each: EachRow<'_>) -> Result<(), Error> {
    let file = File::open(path).map_err(|source| thinksafe_core::Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let reader = SerializedFileReader::new(file).map_err(|source| syntax(path, 1, source))?;
    let rows = reader.get_row_iter(None).map_err(|source| syntax(path, 1, source))?;
    for (number, row) in (1..).zip(rows) {
        let row = row.map_err(|source| syntax(path, number, source))?;
        let fields = row.get_column_iter().map(|(name, field)| (name.clone(), value(field)));
        each(Row { place: Place::Row(number), fields: fields.collect() })?;
    }
    Ok(())
}

/// Text and whole numbers as they are; what no prompt column can be keeps only its kind.
fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => Value::from(*flag),
        Field::Byte(number) => Value::from(*number),
        Field::Short(number) => Value::from(*number),
        Field::Int(number) => Value::from(*number),
        Field::Long(number) => Value::from(*number),
        Field::UByte(number) => Value::from(*number),
        Field::UShort(number) => Value::from(*number),
        Field::UInt(number) => Value::from(*number),
        Field::ULong(number) => Value::from(*number),
        Field::Float(number) => Value::from(*number),
        Field::Double(number) => Value::from(*number),
        Field::Str(text) => Value::from(text.as_str()),
        Field::ListInternal(_) => Value::Array(Vec::new()),
        _ => Value::Object(serde_json::Map::new()),
    }
}

fn syntax(path: &Path, row: u64, source: ParquetError) -> Error {
    Error::Syntax {
        path: path.to_owned(),
        place: Place::Row(row),
        expected: "Parquet",
        source: Box::new(source),
    }
}
