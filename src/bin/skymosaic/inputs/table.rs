//! Tables of inputs: an image a row, with what belongs to it in columns.

use std::{fs::File, io::Read, path::Path};

use skymosaic::{Column, Hdu, read_table};

use super::{Companion, Entry, Role, hdus};
use crate::Failure;

/// The columns that are read, in any order and case; others are passed over.
pub(crate) const COLUMNS: &str =
    "file, hdu, weights, weights_hdu, variance, variance_hdu, error, error_hdu, mask, mask_hdu, scale, sky, exposure";

enum Form {
    Csv,
    Ecsv,
    Fits,
}

fn form(path: &Path) -> Option<Form> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    match () {
        () if ends(&[".ecsv"]) => Some(Form::Ecsv),
        () if ends(&[".csv"]) => Some(Form::Csv),
        () if ends(&[".fits", ".fit", ".fts", ".fits.gz"]) => Some(Form::Fits),
        () => None,
    }
}

/// Whether a file is a table by its name: CSV, ECSV or FITS.
pub(super) fn is_table(path: &Path) -> bool {
    form(path).is_some()
}

/// Columns of text by their names in lower case.
struct Table {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// The inputs in a table.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>, Failure> {
    let table = match form(path) {
        Some(Form::Fits) => from_fits(path)?,
        Some(Form::Ecsv) => from_text(path, true)?,
        _ => from_text(path, false)?,
    };
    let column = |wanted: &str| table.names.iter().position(|name| name == wanted);
    let Some(file) = column("file") else {
        let problem = format!("has no column file; its columns are {}", table.names.join(", "));
        return Err(Failure::new(problem).help(format!("columns that are read: {COLUMNS}")));
    };
    if table.rows.is_empty() {
        return Err(Failure::new("the table has no row"));
    }
    let mut entries = Vec::with_capacity(table.rows.len());
    for (number, row) in (1..).zip(&table.rows) {
        let cell = |name: &str| column(name).and_then(|column| row.get(column)).map(|cell| cell.trim());
        // What tables say where there is nothing.
        let value =
            |name: &str| cell(name).filter(|cell| !matches!(*cell, "" | "--" | "nan" | "NaN" | "None" | "null"));
        let wrong = |name: &str, expected: &str| {
            Failure::new(format!("row {number}, column {name}: {:?}: expected {expected}", cell(name).unwrap_or("")))
        };
        let number_in = |name: &str| match value(name).map(str::parse::<f64>) {
            None => Ok(None),
            Some(Ok(number)) if number.is_finite() => Ok(Some(number)),
            Some(_) => Err(wrong(name, "a finite number")),
        };
        let hdus_in = |name: &str| match value(name).map(hdus) {
            None => Ok(None),
            Some(Ok(hdus)) => Ok(Some(hdus)),
            Some(Err(expected)) => Err(wrong(name, &expected)),
        };
        let path = row.get(file).map(|cell| cell.trim()).filter(|cell| !cell.is_empty());
        let mut entry = Entry::of(path.ok_or_else(|| wrong("file", "the name of a file"))?.into());
        entry.hdus = hdus_in("hdu")?;
        for role in Role::ALL {
            let companion_hdus = hdus_in(&format!("{}_hdu", role.option()))?;
            let given = value(role.option());
            if given.is_some() || companion_hdus.is_some() {
                let path = given.map_or_else(|| entry.path.clone(), Into::into);
                entry.set(role, Companion { path, hdus: companion_hdus });
            }
        }
        entry.scale = number_in("scale")?;
        entry.sky = number_in("sky")?;
        entry.exposure = value("exposure").map(str::to_owned);
        entries.push(entry);
    }
    Ok(entries)
}

fn from_text(path: &Path, is_ecsv: bool) -> Result<Table, Failure> {
    let mut text = String::new();
    let read = File::open(path).and_then(|mut file| file.read_to_string(&mut text));
    read.map_err(|error| Failure::new(format!("cannot read: {error}")))?;
    // In ECSV, the description of the columns stands in comments, and a blank divides cells unless it says otherwise.
    let comma = !is_ecsv
        || text.lines().take_while(|line| line.starts_with('#')).any(|line| {
            line.split_once("delimiter:")
                .is_some_and(|(_, mark)| mark.trim_start().trim_start_matches(['\'', '"']).starts_with(','))
        });
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(if comma { b',' } else { b' ' })
        .comment(Some(b'#'))
        .flexible(false)
        .trim(csv::Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let wrong = |error: csv::Error| Failure::new(format!("is no table of text: {error}"));
    let names = reader.headers().map_err(wrong)?.iter().map(str::to_ascii_lowercase).collect();
    let rows: Result<Vec<Vec<String>>, _> =
        reader.records().map(|row| row.map(|row| row.iter().map(str::to_owned).collect())).collect();
    Ok(Table { names, rows: rows.map_err(wrong)? })
}

/// The table INPUTS, which every mosaic has, or else the first table of the file.
fn from_fits(path: &Path) -> Result<Table, Failure> {
    let inputs = Hdu::Name("INPUTS".to_owned());
    let columns = read_table(path, &inputs).or_else(|_| read_table(path, &Hdu::First))?;
    let mut table = Table { names: Vec::new(), rows: Vec::new() };
    for column in columns {
        let (name, cells): (String, Vec<String>) = match column {
            Column::Text { name, rows } => (name, rows),
            // Less than 0 is the HDU of what is in no file.
            Column::Integer { name, rows, .. } => {
                (name, rows.iter().map(|n| if *n < 0 { String::new() } else { n.to_string() }).collect())
            }
            Column::Float { name, width: 1, rows, .. } => (name, rows.iter().map(ToString::to_string).collect()),
            _ => continue,
        };
        table.rows.resize(cells.len(), Vec::new());
        table.rows.iter_mut().zip(cells).for_each(|(row, cell)| row.push(cell));
        table.names.push(name.to_ascii_lowercase());
    }
    Ok(table)
}
