//! Binary tables: columns → header and rows (FITS standard 4.0, section 7.3).

use std::borrow::Cow;

use crate::{
    Error,
    header::{BLOCK, Header, escaped, header_records, is_column},
};

/// A column of a binary table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Column {
    /// Text. Characters outside printable ASCII, which FITS does not allow, are written as escapes: `\u{e9}` for é.
    Text {
        /// Name of the column.
        name: String,
        /// One a row.
        rows: Vec<String>,
    },
    /// Whole numbers.
    Integer {
        /// Name of the column.
        name: String,
        /// Unit, or empty.
        unit: String,
        /// One a row.
        rows: Vec<i64>,
    },
    /// Floating-point numbers, so many in each cell.
    Float {
        /// Name of the column.
        name: String,
        /// Unit, or empty.
        unit: String,
        /// Numbers in a cell: 1 or more.
        width: usize,
        /// `width` a row.
        rows: Vec<f64>,
    },
}

impl Column {
    /// Text, one a row.
    pub fn text(name: &str, rows: Vec<String>) -> Column {
        Column::Text { name: name.to_owned(), rows }
    }

    /// Whole numbers, one a row. `unit` may be empty.
    pub fn integer(name: &str, unit: &str, rows: Vec<i64>) -> Column {
        Column::Integer { name: name.to_owned(), unit: unit.to_owned(), rows }
    }

    /// Numbers, `width` a row. `unit` may be empty.
    pub fn float(name: &str, unit: &str, width: usize, rows: Vec<f64>) -> Column {
        Column::Float { name: name.to_owned(), unit: unit.to_owned(), width, rows }
    }

    /// Rows, if they are whole.
    fn len(&self) -> Option<usize> {
        match self {
            Column::Text { rows, .. } => Some(rows.len()),
            Column::Integer { rows, .. } => Some(rows.len()),
            Column::Float { rows, width, .. } => {
                (*width > 0 && rows.len().is_multiple_of(*width)).then(|| rows.len() / width)
            }
        }
    }

    /// Name, unit, form, and the bytes of each row one after the other.
    fn encoded(&self) -> (&str, &str, String, Vec<u8>) {
        match self {
            Column::Text { name, rows } => {
                let rows: Vec<Cow<str>> = rows.iter().map(|text| escaped(text)).collect();
                let width = rows.iter().map(|text| text.len()).max().unwrap_or(0).max(1);
                let cells = rows.iter().flat_map(|text| text.bytes().chain(std::iter::repeat(b' ')).take(width));
                (name, "", format!("{width}A"), cells.collect())
            }
            Column::Integer { name, unit, rows } => {
                (name, unit, "1K".to_owned(), rows.iter().flat_map(|number| number.to_be_bytes()).collect())
            }
            Column::Float { name, unit, width, rows } => {
                (name, unit, format!("{width}D"), rows.iter().flat_map(|number| number.to_be_bytes()).collect())
            }
        }
    }
}

/// What a header says of a column.
#[derive(Clone, Debug)]
pub(crate) struct ColumnForm<'n> {
    pub(crate) name: &'n str,
    pub(crate) unit: &'n str,
    /// TFORM.
    pub(crate) form: String,
    /// Bytes of a cell.
    pub(crate) bytes: usize,
}

/// Header of a table, in whole blocks.
pub(super) fn head(name: &str, header: &Header, columns: &[ColumnForm<'_>], rows: u64) -> Vec<u8> {
    let mut cards = Header::new();
    cards.set("XTENSION", "BINTABLE", "binary table");
    cards.set("BITPIX", 8, "bytes");
    cards.set("NAXIS", 2, "rows of bytes");
    cards.set("NAXIS1", columns.iter().map(|column| column.bytes).sum::<usize>() as i64, "bytes in a row");
    cards.set("NAXIS2", rows as i64, "rows");
    cards.set("PCOUNT", 0, "no heap");
    cards.set("GCOUNT", 1, "number of groups");
    cards.set("TFIELDS", columns.len() as i64, "columns");
    for (number, column) in (1..).zip(columns) {
        cards.set(&format!("TTYPE{number}"), column.name, "");
        cards.set(&format!("TFORM{number}"), column.form.as_str(), "");
        if !column.unit.is_empty() {
            cards.set(&format!("TUNIT{number}"), column.unit, "");
        }
    }
    cards.set("EXTNAME", name, "name of this extension");
    header_records(cards, &header.filtered(|keyword| !is_column(keyword)))
}

/// Header and data of a table, each in whole blocks.
pub(super) fn records(name: &str, header: &Header, columns: &[Column]) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let rows = columns.first().and_then(Column::len).unwrap_or(0);
    if columns.len() > 999 || columns.iter().any(|column| column.len() != Some(rows)) {
        return Err(Error::Shape {
            what: format!("table {name}"),
            got: columns.iter().map(|column| column.len().unwrap_or(0)).collect(),
            expected: format!("at most 999 columns of {rows} rows, as the first has"),
        });
    }
    let (forms, encoded): (Vec<_>, Vec<_>) = columns
        .iter()
        .map(|column| {
            let (name, unit, form, cells) = column.encoded();
            (ColumnForm { name, unit, form, bytes: cells.len() / rows.max(1) }, cells)
        })
        .unzip();
    let mut data = Vec::new();
    for row in 0..rows {
        for (ColumnForm { bytes, .. }, cells) in forms.iter().zip(&encoded) {
            data.extend_from_slice(cells.get(row * bytes..(row + 1) * bytes).unwrap_or_default());
        }
    }
    data.resize(data.len().next_multiple_of(BLOCK), 0);
    Ok((head(name, header, &forms, rows as u64), data))
}
