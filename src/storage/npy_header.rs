//! Headers of `.npy` files, as described in the documentation of `numpy.lib.format`.
//!
//! The crates that read such files (ndarray-npy, npyz) take the header for any Python literal. Their parser brings twenty crates
//! along and a C compiler to build one of them (pest, stacker, psm), which this crate must not need. Here only what numpy writes
//! for an array of numbers is understood: a dictionary of three entries.

use std::ops::Range;

use crate::pixel::InputPixel;

const MAGIC: &[u8] = b"\x93NUMPY";
const BYTE_ORDER: char = if cfg!(target_endian = "little") { '<' } else { '>' };
/// Data begins at multiples of this, as numpy writes it, so that it is aligned for every number.
const ALIGNMENT: usize = 64;
/// As many as arrays of numpy can have.
pub(super) const MOST_AXES: usize = 64;

/// A number that an array in a file can be made of: `u8`, `i16`, `i32`, `i64`, `f32`, `f64`.
pub trait MappedElement: InputPixel {
    /// The type as numpy writes it, without the byte order: `f4` for `f32`.
    const NUMPY: &'static str;
}

macro_rules! mapped_element {
    ($($number:ty: $numpy:literal),*) => {
        $(impl MappedElement for $number {
            const NUMPY: &'static str = $numpy;
        })*
    };
}
mapped_element!(u8: "u1", i16: "i2", i32: "i4", i64: "i8", f32: "f4", f64: "f8");

/// Where the numbers are in a file, and in which order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) shape: Vec<usize>,
    /// Whether the first axis is the fastest in the file, and not the last.
    pub(super) columns_first: bool,
    /// The bytes of the numbers. They begin at a multiple of the size of a number.
    pub(super) data: Range<usize>,
}

/// The header of a file that holds an array, the last axis fastest. There must be at most [`MOST_AXES`] axes.
pub(super) fn write<T: MappedElement>(shape: &[usize]) -> Vec<u8> {
    let order = if size_of::<T>() == 1 { '|' } else { BYTE_ORDER };
    let axes = match shape {
        // A tuple of one needs a comma.
        [length] => format!("{length},"),
        _ => shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
    };
    let mut text = format!("{{'descr': '{order}{}', 'fortran_order': False, 'shape': ({axes}), }}", T::NUMPY);
    // Of version 1.0, which has room for 65535 bytes: magic number, version, length, text.
    let before = MAGIC.len() + 2 + 2;
    let length = (before + text.len() + 1).next_multiple_of(ALIGNMENT) - before;
    text.extend(std::iter::repeat_n(' ', length - text.len() - 1));
    text.push('\n');
    [MAGIC, &[1, 0], &(length as u16).to_le_bytes(), text.as_bytes()].concat()
}

/// Reads the header of a file and checks that the file holds a whole array of T. The error says what is wrong.
pub(super) fn read<T: MappedElement>(file: &[u8]) -> Result<Layout, String> {
    let truncated = || "the .npy header is truncated".to_owned();
    let (start, length) = match file.strip_prefix(MAGIC).ok_or("not a .npy file")? {
        [1, _, a, b, ..] => (10, usize::from(u16::from_le_bytes([*a, *b]))),
        [2 | 3, _, a, b, c, d, ..] => (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize),
        [1..=3, ..] | [] => return Err(truncated()),
        [version, ..] => return Err(format!("version {version} of the .npy format is not known")),
    };
    let data = start + length;
    let text = String::from_utf8_lossy(file.get(start..data).ok_or_else(truncated)?);

    let expected = format!("{BYTE_ORDER}{}", T::NUMPY);
    let number = entry(&text, "descr").and_then(|rest| rest.strip_prefix('\'')?.split('\'').next());
    let number = number.ok_or_else(|| format!("holds structured or unknown data, expected {expected:?}"))?;
    let orders = [BYTE_ORDER, '=', '|'].into_iter().take(if size_of::<T>() == 1 { 3 } else { 2 });
    if !orders.into_iter().any(|order| number.strip_prefix(order) == Some(T::NUMPY)) {
        return Err(format!("holds {number:?}, expected {expected:?}"));
    }
    let columns_first = match entry(&text, "fortran_order") {
        Some(rest) if rest.starts_with("False") => false,
        Some(rest) if rest.starts_with("True") => true,
        _ => return Err("the .npy header does not say in which order the array is".to_owned()),
    };
    let shape = entry(&text, "shape").and_then(shape).ok_or("the .npy header has no shape")?;
    let end = data_bytes::<T>(&shape).and_then(|bytes| data.checked_add(bytes)).filter(|end| *end <= file.len());
    let end = end.ok_or_else(|| {
        format!("is truncated: {} bytes are too few for a header and an array of shape {shape:?}", file.len())
    })?;
    if !data.is_multiple_of(size_of::<T>()) {
        return Err("the data is not aligned; save it again with numpy.save".to_owned());
    }
    Ok(Layout { shape, columns_first, data: data..end })
}

/// Bytes of an array, unless it is larger than anything can be.
pub(super) fn data_bytes<T>(shape: &[usize]) -> Option<usize> {
    // Without the axes of length 0, as ndarray counts.
    let stride = shape.iter().filter(|&&length| length > 0).try_fold(size_of::<T>(), |bytes, &n| bytes.checked_mul(n));
    stride.filter(|&bytes| bytes <= isize::MAX as usize).map(|bytes| if shape.contains(&0) { 0 } else { bytes })
}

/// What follows `'key': ` in the dictionary.
fn entry<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

/// The tuple that a text begins with.
fn shape(text: &str) -> Option<Vec<usize>> {
    let (axes, _) = text.strip_prefix('(')?.split_once(')')?;
    let lengths = axes.split(',').map(str::trim).filter(|length| !length.is_empty());
    lengths.map(|length| length.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole<T: MappedElement>(shape: &[usize]) -> Vec<u8> {
        let mut file = write::<T>(shape);
        file.resize(file.len() + data_bytes::<T>(shape).unwrap(), 0);
        file
    }

    #[test]
    fn what_is_written_is_read() {
        for shape in [&[][..], &[7], &[0, 3], &[2, 3], &[1, 2, 3, 4, 5], &[1; MOST_AXES]] {
            let file = whole::<i16>(shape);
            let Layout { shape: found, columns_first, data } = read::<i16>(&file).unwrap();
            assert_eq!((&found[..], columns_first, data.end), (shape, false, file.len()));
            assert!(data.start.is_multiple_of(ALIGNMENT));
        }
        for number in
            [read::<u8>(&whole::<u8>(&[3])), read::<i32>(&whole::<i32>(&[3])), read::<i64>(&whole::<i64>(&[3]))]
        {
            assert_eq!(number.unwrap().shape, [3]);
        }
        assert!(read::<f32>(&whole::<i32>(&[3])).unwrap_err().contains("i4"));
    }

    #[test]
    fn headers_as_numpy_writes_them() {
        let header = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
        let mut file = header.to_vec();
        file.resize(127, b' ');
        file.push(b'\n');
        file.resize(128 + 24, 0);
        assert_eq!(read::<f32>(&file).unwrap(), Layout { shape: vec![2, 3], columns_first: false, data: 128..152 });
        // Of version 2: with a length of four bytes.
        let mut text = file.split_off(10);
        file[6] = 2;
        file.extend([0, 0]);
        text.drain(text.len() - 26..text.len() - 24);
        file[8] -= 2;
        file.extend(text);
        assert_eq!(read::<f32>(&file).unwrap().data, 128..152);
    }

    #[test]
    fn a_damaged_header_is_an_error_or_a_layout_inside_the_file() {
        let file = whole::<f64>(&[2, 3]);
        // Miri takes a thousand times as long.
        for at in (0..file.len() - 48).step_by(if cfg!(miri) { 13 } else { 1 }) {
            assert!(read::<f64>(&file[..at]).is_err());
            for byte in *b"\0\x01\x02\xff 0129-'(),:{}TF" {
                let mut damaged = file.clone();
                damaged[at] = byte;
                if let Ok(Layout { shape, data, .. }) = read::<f64>(&damaged) {
                    assert_eq!(Some(data.len()), data_bytes::<f64>(&shape));
                    assert!(data.end <= file.len() && data.start.is_multiple_of(8));
                }
            }
        }
    }
}
