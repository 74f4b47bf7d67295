//! Binary tables, read from the beginning to the end, and written as the only extension of a file.

#[cfg(feature = "healpix")]
use std::io::Write;
use std::path::Path;

#[cfg(feature = "healpix")]
use super::table::{self, ColumnForm};
use super::{
    convert,
    image::Scaling,
    read::Hdu,
    scan::{Kind, Scan},
    table::Column,
};
use crate::{
    Error, PixelType,
    header::{Header, unescaped},
};
#[cfg(feature = "healpix")]
use crate::{
    header::{BLOCK, primary_without_image},
    storage::AtomicFile,
};

/// Bytes of rows that are read at once, unless a row is longer.
const CHUNK: usize = 1 << 20;

/// A binary table whose header has been read.
pub(crate) struct BinaryTable {
    scan: Scan,
    number: usize,
    #[cfg(feature = "healpix")]
    pub(crate) header: Header,
    rows: u64,
    row_bytes: usize,
    columns: Vec<TableColumn>,
}

/// What the cells of a column hold.
#[derive(Clone, Copy, PartialEq)]
enum CellType {
    Number(PixelType),
    Text,
    /// Logical values, bits, complex numbers, arrays of variable length.
    Other,
}

/// A column.
struct TableColumn {
    name: String,
    form: String,
    cell_type: CellType,
    repeat: usize,
    offset: usize,
    /// TSCAL, TZERO and TNULL.
    scaling: Scaling,
}

/// Cells of a column, as many rows as were read at once: physical values, NaN for TNULL.
pub(crate) enum Cells<'c> {
    /// Text of this many bytes a cell.
    Text(&'c [u8], usize),
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
            let number = |pixel_type: PixelType| (CellType::Number(pixel_type), pixel_type.size());
            let (cell_type, size) = match code.chars().next() {
                Some('B') => number(PixelType::U8),
                Some('I') => number(PixelType::I16),
                Some('J') => number(PixelType::I32),
                Some('K') => number(PixelType::I64),
                Some('E') => number(PixelType::F32),
                Some('D') => number(PixelType::F64),
                Some('A') => (CellType::Text, 1),
                Some('L') => (CellType::Other, 1),
                Some('C' | 'P') => (CellType::Other, 8),
                Some('M' | 'Q') => (CellType::Other, 16),
                Some('X') => (CellType::Other, 0),
                _ => return Err(wrong()),
            };
            let bytes = if code.starts_with('X') { Some(repeat.div_ceil(8)) } else { repeat.checked_mul(size) };
            let end = bytes.and_then(|bytes| offset.checked_add(bytes)).filter(|end| *end <= row_bytes);
            let end = end.ok_or_else(wrong)?;
            columns.push(TableColumn {
                name: header.text(&key("TTYPE")).map_err(about)?.unwrap_or_default().trim().to_owned(),
                form,
                cell_type,
                repeat,
                offset,
                scaling: Scaling {
                    scale: header.f64(&key("TSCAL")).map_err(about)?.unwrap_or(1.0),
                    zero: header.f64(&key("TZERO")).map_err(about)?.unwrap_or(0.0),
                    blank: header.i64(&key("TNULL")).map_err(about)?,
                },
            });
            offset = end;
        }
        Ok(BinaryTable {
            scan,
            number,
            #[cfg(feature = "healpix")]
            header,
            rows,
            row_bytes,
            columns,
        })
    }

    /// An error about this table.
    pub(crate) fn wrong(&self, problem: &str) -> Error {
        Error::Fits { path: self.scan.path.clone(), problem: format!("HDU {}: {problem}", self.number) }
    }

    /// An error about the header of this table.
    #[cfg(feature = "healpix")]
    pub(crate) fn about(&self, cause: Error) -> Error {
        Error::Header { path: self.scan.path.clone(), hdu: self.number, cause: Box::new(cause) }
    }

    /// The names of the columns, in their order.
    #[cfg(feature = "healpix")]
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// How many numbers a column has in all rows.
    #[cfg(feature = "healpix")]
    pub(crate) fn count(&self, column: usize) -> u64 {
        let repeat = self.columns.get(column).map_or(0, |column| column.repeat);
        self.rows.saturating_mul(repeat as u64)
    }

    /// Checks that a column holds numbers.
    #[cfg(feature = "healpix")]
    pub(crate) fn check_numbers(&self, column: usize) -> Result<(), Error> {
        match self.columns.get(column) {
            Some(TableColumn { cell_type: CellType::Number(_), .. }) | None => Ok(()),
            Some(TableColumn { name, form, .. }) => {
                Err(self.wrong(&format!("column {name:?} has form {form}: expected numbers")))
            }
        }
    }

    /// Whether `f32` holds every value of a column.
    #[cfg(feature = "healpix")]
    pub(crate) fn is_exact_in_f32(&self, column: usize) -> bool {
        let small = |column: &TableColumn| {
            matches!(column.cell_type, CellType::Number(PixelType::U8 | PixelType::I16 | PixelType::F32))
                && column.is_plain()
        };
        self.columns.get(column).is_some_and(small)
    }

    /// Reads some columns, some rows at a time: `take` gets the place in `wanted` and the cells.
    pub(crate) fn read(
        mut self,
        wanted: &[usize],
        take: &mut dyn FnMut(usize, Cells<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut found = Vec::new();
        for column in wanted {
            let column = self.columns.get(*column).ok_or_else(|| self.wrong("has too few columns"))?;
            if column.cell_type == CellType::Other {
                let problem = format!("column {:?} has form {}: expected numbers or text", column.name, column.form);
                return Err(self.wrong(&problem));
            }
            found.push(column);
        }
        let together = (CHUNK / self.row_bytes.max(1)).max(1) as u64;
        let mut bytes = Vec::new();
        let (mut cells, mut integers, mut floats) = (Vec::new(), Vec::new(), Vec::new());
        let mut left = self.rows;
        while left > 0 {
            let rows = left.min(together) as usize;
            left -= rows as u64;
            bytes.resize(rows * self.row_bytes, 0);
            self.scan.read_data(&mut bytes)?;
            for (place, column) in found.iter().enumerate() {
                let width = column.width();
                cells.clear();
                for row in bytes.chunks_exact(self.row_bytes.max(1)) {
                    cells.extend_from_slice(row.get(column.offset..column.offset + width).unwrap_or_default());
                }
                match column.cell_type {
                    CellType::Number(pixel_type) if column.is_whole() => {
                        integers.clear();
                        whole_numbers(pixel_type, &cells, &mut integers);
                        take(place, Cells::Integers(&integers))?;
                    }
                    CellType::Number(pixel_type) => {
                        floats.resize(cells.len() / pixel_type.size(), 0.0);
                        convert::from_file(pixel_type, &column.scaling, &cells, &mut floats);
                        take(place, Cells::Floats(&floats))?;
                    }
                    CellType::Text | CellType::Other => take(place, Cells::Text(&cells, width))?,
                }
            }
        }
        Ok(())
    }
}

impl TableColumn {
    /// Bytes of a cell.
    fn width(&self) -> usize {
        match self.cell_type {
            CellType::Number(pixel_type) => self.repeat * pixel_type.size(),
            CellType::Text | CellType::Other => self.repeat,
        }
    }

    fn is_plain(&self) -> bool {
        self.scaling.scale == 1.0 && self.scaling.zero == 0.0
    }

    /// Whether all cells are integers as they are stored.
    fn is_whole(&self) -> bool {
        let CellType::Number(pixel_type) = self.cell_type else { return false };
        pixel_type.is_integer() && self.is_plain() && self.scaling.blank.is_none()
    }
}

/// Appends integers as they stand in a file.
fn whole_numbers(pixel_type: PixelType, bytes: &[u8], numbers: &mut Vec<i64>) {
    fn each<const N: usize>(bytes: &[u8], numbers: &mut Vec<i64>, number: impl Fn([u8; N]) -> i64) {
        numbers.extend(bytes.as_chunks().0.iter().map(|bytes| number(*bytes)));
    }
    match pixel_type {
        PixelType::U8 => each(bytes, numbers, |[byte]| byte.into()),
        PixelType::I16 => each(bytes, numbers, |bytes| i16::from_be_bytes(bytes).into()),
        PixelType::I32 => each(bytes, numbers, |bytes| i32::from_be_bytes(bytes).into()),
        PixelType::I64 => each(bytes, numbers, i64::from_be_bytes),
        PixelType::F32 | PixelType::F64 => {}
    }
}

fn missing(keyword: &str, expected: &str) -> Error {
    let problem = format!("expected {expected}");
    Error::Keyword { keyword: keyword.to_owned(), value: "(missing or out of range)".to_owned(), problem }
}

/// Reads a binary table of a FITS file, by default ([`Hdu::First`]) the first of the file: the columns that hold numbers or text; those of other kinds are left out.
/// Numbers are physical values (TSCAL, TZERO), NaN where they are TNULL; text has no trailing blanks, and escapes of [`Column::Text`] become their characters.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Hdu`] if it has no such table; [`Error::Header`] and [`Error::Fits`] if the table contradicts itself.
pub fn read_table(path: impl AsRef<Path>, hdu: &Hdu) -> Result<Vec<Column>, Error> {
    let table = BinaryTable::open(path.as_ref(), hdu)?;
    let (mut wanted, mut columns) = (Vec::new(), Vec::new());
    for (number, column) in table.columns.iter().enumerate() {
        let name = column.name.as_str();
        columns.push(match column.cell_type {
            CellType::Other => continue,
            CellType::Text => Column::text(name, Vec::new()),
            CellType::Number(_) if column.is_whole() && column.repeat == 1 => Column::integer(name, "", Vec::new()),
            CellType::Number(_) => Column::float(name, "", column.repeat, Vec::new()),
        });
        wanted.push(number);
    }
    table.read(&wanted, &mut |place, cells| {
        match (columns.get_mut(place), cells) {
            (Some(Column::Text { rows, .. }), Cells::Text(bytes, width)) => {
                rows.extend(bytes.chunks_exact(width.max(1)).map(text_of));
            }
            (Some(Column::Integer { rows, .. }), Cells::Integers(cells)) => rows.extend_from_slice(cells),
            (Some(Column::Float { rows, .. }), Cells::Integers(cells)) => rows.extend(cells.iter().map(|v| *v as f64)),
            (Some(Column::Float { rows, .. }), Cells::Floats(cells)) => rows.extend_from_slice(cells),
            _ => {}
        }
        Ok(())
    })?;
    Ok(columns)
}

/// The text of a cell: up to a NUL, without trailing blanks.
fn text_of(cell: &[u8]) -> String {
    let end = cell.iter().position(|byte| *byte == 0).unwrap_or(cell.len());
    let text = String::from_utf8_lossy(cell.get(..end).unwrap_or_default());
    unescaped(text.trim_end()).into_owned()
}

/// Writes a file whose only contents are a table, some rows at a time: `encode` appends the bytes of each, column after column, big-endian. The file has its name
/// when it is whole.
#[cfg(feature = "healpix")]
pub(crate) fn write_table(
    path: &Path,
    overwrite: bool,
    (name, header): (&str, &Header),
    columns: &[ColumnForm<'_>],
    rows: u64,
    encode: &mut dyn FnMut(u64, &mut Vec<u8>),
) -> Result<(), Error> {
    let file = AtomicFile::create(path, overwrite)?;
    let write = |bytes: &[u8]| file.file().write_all(bytes).map_err(|error| Error::io(path, "write the table", error));
    write(&primary_without_image().to_records())?;
    write(&table::head(name, header, columns, rows))?;
    let mut bytes = Vec::with_capacity(CHUNK + BLOCK);
    for row in 0..rows {
        encode(row, &mut bytes);
        let whole = bytes.len() / BLOCK * BLOCK;
        if whole >= CHUNK {
            write(bytes.get(..whole).unwrap_or_default())?;
            bytes.drain(..whole);
        }
    }
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    write(&bytes)?;
    file.publish().map(drop)
}
