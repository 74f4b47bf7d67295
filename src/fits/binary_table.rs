//! Binary tables whose columns hold numbers: read from the beginning to the end, written as the only extension of a file.

use std::{io::Write, path::Path};

use super::{
    read::Hdu,
    scan::{Kind, Scan},
    table::{self, Column},
};
use crate::{
    Error,
    header::{Header, header_records},
    storage::AtomicFile,
};

/// Bytes of rows that are read at once, unless a row is longer.
const CHUNK: usize = 1 << 20;

/// A binary table whose header has been read.
pub(crate) struct BinaryTable {
    scan: Scan,
    number: usize,
    pub(crate) header: Header,
    rows: u64,
    row_bytes: usize,
    columns: Vec<NumberColumn>,
}

/// A column; those of text, bits and complex numbers, and arrays of variable length, have no `kind`.
struct NumberColumn {
    name: String,
    form: String,
    kind: Option<Kinds>,
    repeat: usize,
    offset: usize,
    scale: f64,
    zero: f64,
    null: Option<i64>,
}

#[derive(Clone, Copy)]
enum Kinds {
    U8,
    I16,
    I32,
    I64,
    F32,
    F64,
}

/// Cells of a column, as many rows as were read at once: physical values, NaN for TNULL.
pub(crate) enum Cells<'c> {
    /// Integers without scale and TNULL.
    Integers(&'c [i64]),
    /// Numbers of other columns. Those of columns of `f32`, `u8` and `i16` without a scale are exact in `f32`.
    Floats(&'c [f64]),
}

impl BinaryTable {
    /// Opens the table in an HDU; [`Hdu::First`] is the first binary table of the file.
    pub(crate) fn open(path: &Path, hdu: &Hdu) -> Result<BinaryTable, Error> {
        let mut scan = Scan::open(path)?;
        while let Some(found) = scan.next_hdu()? {
            let is_table = matches!(found.kind, Kind::Table);
            let wanted = match hdu {
                Hdu::First => is_table,
                Hdu::Number(number) => found.number == *number,
                Hdu::Name(name) => found.is_called(name),
            };
            if wanted && is_table {
                return Self::new(scan, found.number, found.header);
            }
            if wanted {
                let problem = "is no binary table".to_owned();
                return Err(Error::Hdu { path: path.to_owned(), hdu: hdu.to_string(), problem });
            }
        }
        let problem = "there is no such binary table".to_owned();
        Err(Error::Hdu { path: path.to_owned(), hdu: hdu.to_string(), problem })
    }

    fn new(scan: Scan, number: usize, header: Header) -> Result<BinaryTable, Error> {
        let about = |cause: Error| Error::Header { path: scan.path.clone(), hdu: number, cause: Box::new(cause) };
        let integer = |keyword: &str| {
            let value = header.i64(keyword).map_err(about)?;
            value.filter(|value| *value >= 0).ok_or_else(|| about(missing(keyword, "a whole number, 0 or more")))
        };
        let (row_bytes, rows, fields) = (integer("NAXIS1")? as usize, integer("NAXIS2")? as u64, integer("TFIELDS")?);
        if fields > 999 {
            return Err(about(missing("TFIELDS", "at most 999 columns")));
        }
        let (mut columns, mut offset) = (Vec::new(), 0_usize);
        for column in 1..=fields {
            let key = |stem: &str| format!("{stem}{column}");
            let form = header.text(&key("TFORM")).map_err(about)?;
            let form = form.ok_or_else(|| about(missing(&key("TFORM"), "the form of the column")))?.trim().to_owned();
            let digits = form.find(|c: char| !c.is_ascii_digit()).unwrap_or(form.len());
            let (count, code) = form.split_at(digits);
            let wrong = || about(missing(&key("TFORM"), "a form such as 1E or 1024D within the row"));
            let repeat = if count.is_empty() { 1 } else { count.parse::<usize>().map_err(|_| wrong())? };
            let (kind, size) = match code.chars().next() {
                Some('B') => (Some(Kinds::U8), 1),
                Some('I') => (Some(Kinds::I16), 2),
                Some('J') => (Some(Kinds::I32), 4),
                Some('K') => (Some(Kinds::I64), 8),
                Some('E') => (Some(Kinds::F32), 4),
                Some('D') => (Some(Kinds::F64), 8),
                Some('A' | 'L') => (None, 1),
                Some('C' | 'P') => (None, 8),
                Some('M' | 'Q') => (None, 16),
                Some('X') => (None, 0),
                _ => return Err(wrong()),
            };
            let bytes = if code.starts_with('X') { Some(repeat.div_ceil(8)) } else { repeat.checked_mul(size) };
            let end = bytes.and_then(|bytes| offset.checked_add(bytes)).filter(|end| *end <= row_bytes);
            let end = end.ok_or_else(wrong)?;
            columns.push(NumberColumn {
                name: header.text(&key("TTYPE")).map_err(about)?.unwrap_or_default().trim().to_owned(),
                form,
                kind,
                repeat,
                offset,
                scale: header.f64(&key("TSCAL")).map_err(about)?.unwrap_or(1.0),
                zero: header.f64(&key("TZERO")).map_err(about)?.unwrap_or(0.0),
                null: header.i64(&key("TNULL")).map_err(about)?,
            });
            offset = end;
        }
        Ok(BinaryTable { scan, number, header, rows, row_bytes, columns })
    }

    /// An error about this table.
    pub(crate) fn wrong(&self, problem: &str) -> Error {
        Error::Fits { path: self.scan.path.clone(), problem: format!("HDU {}: {problem}", self.number) }
    }

    /// An error about the header of this table.
    pub(crate) fn about(&self, cause: Error) -> Error {
        Error::Header { path: self.scan.path.clone(), hdu: self.number, cause: Box::new(cause) }
    }

    /// The names of the columns, in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// How many numbers a column has in all rows.
    pub(crate) fn count(&self, column: usize) -> u64 {
        let repeat = self.columns.get(column).map_or(0, |column| column.repeat);
        self.rows.saturating_mul(repeat as u64)
    }

    /// Whether `f32` holds every value of a column.
    pub(crate) fn is_exact_in_f32(&self, column: usize) -> bool {
        let small = |column: &NumberColumn| {
            matches!(column.kind, Some(Kinds::U8 | Kinds::I16 | Kinds::F32)) && column.is_plain()
        };
        self.columns.get(column).is_some_and(small)
    }

    /// Reads some columns, some rows at a time: `take` gets the place in `wanted` and the cells.
    pub(crate) fn read(
        mut self,
        wanted: &[usize],
        take: &mut dyn FnMut(usize, Cells<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for &column in wanted {
            let column = self.columns.get(column).ok_or_else(|| self.wrong("has too few columns"))?;
            if column.kind.is_none() {
                return Err(self.wrong(&format!("column {:?} has form {}: expected numbers", column.name, column.form)));
            }
        }
        let together = (CHUNK / self.row_bytes.max(1)).max(1) as u64;
        let mut bytes = Vec::new();
        let (mut integers, mut floats) = (Vec::new(), Vec::new());
        let mut left = self.rows;
        while left > 0 {
            let rows = left.min(together) as usize;
            left -= rows as u64;
            bytes.resize(rows * self.row_bytes, 0);
            self.scan.read_data(&mut bytes)?;
            for (place, column) in wanted.iter().enumerate().filter_map(|(k, c)| Some((k, self.columns.get(*c)?))) {
                integers.clear();
                floats.clear();
                for row in bytes.chunks_exact(self.row_bytes.max(1)) {
                    column.decode(row.get(column.offset..).unwrap_or_default(), &mut integers, &mut floats);
                }
                take(place, if floats.is_empty() { Cells::Integers(&integers) } else { Cells::Floats(&floats) })?;
            }
        }
        Ok(())
    }
}

impl NumberColumn {
    fn is_plain(&self) -> bool {
        self.scale == 1.0 && self.zero == 0.0
    }

    /// Appends the numbers of a cell, to the integers if they are such and physical values as they stand.
    fn decode(&self, cell: &[u8], integers: &mut Vec<i64>, floats: &mut Vec<f64>) {
        let mut integer = |value: i64| match self.null {
            None if self.is_plain() => integers.push(value),
            Some(null) if null == value => floats.push(f64::NAN),
            _ => floats.push(value as f64 * self.scale + self.zero),
        };
        let count = self.repeat;
        match self.kind {
            Some(Kinds::U8) => cell.iter().take(count).for_each(|byte| integer(i64::from(*byte))),
            Some(Kinds::I16) => each(cell, count, |bytes| integer(i64::from(i16::from_be_bytes(bytes)))),
            Some(Kinds::I32) => each(cell, count, |bytes| integer(i64::from(i32::from_be_bytes(bytes)))),
            Some(Kinds::I64) => each(cell, count, |bytes| integer(i64::from_be_bytes(bytes))),
            Some(Kinds::F32) => each(cell, count, |bytes| {
                floats.push(f64::from(f32::from_be_bytes(bytes)) * self.scale + self.zero);
            }),
            Some(Kinds::F64) => {
                each(cell, count, |bytes| floats.push(f64::from_be_bytes(bytes) * self.scale + self.zero));
            }
            None => {}
        }
    }
}

fn each<const N: usize>(cell: &[u8], count: usize, mut take: impl FnMut([u8; N])) {
    cell.as_chunks::<N>().0.iter().take(count).for_each(|bytes| take(*bytes));
}

fn missing(keyword: &str, expected: &str) -> Error {
    let problem = format!("expected {expected}");
    Error::Keyword { keyword: keyword.to_owned(), value: "(missing or out of range)".to_owned(), problem }
}

/// Writes a file whose only contents are a table. It has its name when it is whole.
pub(crate) fn write_table(
    path: &Path,
    name: &str,
    header: &Header,
    columns: &[Column],
    overwrite: bool,
) -> Result<(), Error> {
    let file = AtomicFile::create(path, overwrite)?;
    let mut primary = Header::new();
    primary.set("SIMPLE", true, "conforms to FITS standard");
    primary.set("BITPIX", 8, "no image");
    primary.set("NAXIS", 0, "no image");
    primary.set("EXTEND", true, "the table is an extension");
    let (head, data) = table::records(name, header, columns)?;
    for bytes in [header_records(primary, &Header::new()), head, data] {
        file.file().write_all(&bytes).map_err(|error| Error::io(path, "write the table", error))?;
    }
    file.publish().map(drop)
}
