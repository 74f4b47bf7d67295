//! Pixels of FITS images, patch by patch: native numbers, scaled, missing ones NaN.
//!
//! Uncompressed images are mapped; compressed ones are decoded once into the bytes that an uncompressed file would
//! have, so that there is one way to read both. The number of maps at a time is limited by [`FitsCache`].

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memmap2::Mmap;

use super::decode;
use super::read::{FileState, FitsImage, Scaling};
use super::scan::open_file;
use crate::simd::dispatch;
use crate::storage::{Buffer, Storage, map_file};
use crate::window::Window;
use crate::{Error, PixelType};

/// The type that holds every pixel of an image without loss (or as well as any does).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    F32,
    F64,
}

/// A decoded image: the bytes that an uncompressed file would have.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) bytes: Buffer<u8>,
    // What it holds of the cache's memory; given back when it is dropped.
    memory: u64,
    held: Arc<AtomicU64>,
}

impl Drop for Decoded {
    fn drop(&mut self) {
        self.held.fetch_sub(self.memory, Ordering::Relaxed);
    }
}

/// Opens the pixels of images, for many threads at once, with at most `room` files mapped at a time and at most
/// `memory` bytes of decoded images in RAM; what is more is decoded into mapped temporary files in `temp_dir` (`None`:
/// the system's).
#[derive(Debug)]
pub(crate) struct FitsCache {
    maps: Mutex<Maps>,
    room: usize,
    memory: u64,
    temp_dir: Option<PathBuf>,
    held: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Maps {
    // With the time of the last use.
    open: HashMap<FileState, (u64, Arc<Mmap>)>,
    time: u64,
}

/// A poisoned lock protects a map or an option that is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FitsCache {
    pub(crate) fn new(room: usize, memory: u64, temp_dir: Option<PathBuf>) -> FitsCache {
        FitsCache { maps: Mutex::default(), room: room.max(1), memory, temp_dir, held: Arc::default() }
    }

    /// The pixels of an image. A compressed one is decoded the first time and stays decoded until
    /// [`FitsImage::release`] and the last [`Pixels`] of it is dropped.
    pub(crate) fn pixels(&self, image: &FitsImage) -> Result<Pixels, Error> {
        let (bytes, offset) = if image.is_compressed() {
            // Held while decoding: whoever else wants the image waits for it.
            let mut decoded = lock(&image.decoded);
            let bytes = match &*decoded {
                Some(bytes) => bytes.clone(),
                None => decoded.insert(Arc::new(self.decode(image)?)).clone(),
            };
            (Bytes::Decoded(bytes), 0)
        } else {
            (Bytes::Mapped(self.map(image)?), image.offset)
        };
        let [.., ny, nx] = *image.shape() else {
            return Err(image.wrong("has fewer than two axes"));
        };
        let pixels = Pixels {
            bytes,
            offset: usize::try_from(offset).unwrap_or(usize::MAX),
            planes: image.shape().iter().rev().skip(2).product(),
            ny,
            nx,
            pixel_type: image.pixel_type,
            scaling: image.scaling,
        };
        match pixels.data() {
            Some(_) => Ok(pixels),
            None => Err(image.wrong("the file is truncated")),
        }
    }

    fn map(&self, image: &FitsImage) -> Result<Arc<Mmap>, Error> {
        let mut maps = lock(&self.maps);
        maps.time += 1;
        let now = maps.time;
        if let Some((used, map)) = maps.open.get_mut(&image.state) {
            *used = now;
            return Ok(map.clone());
        }
        if maps.open.len() >= self.room {
            let oldest = maps.open.iter().min_by_key(|(_, (used, _))| *used).map(|(state, _)| *state);
            oldest.and_then(|state| maps.open.remove(&state));
        }
        let map = Arc::new(image.map()?);
        maps.open.insert(image.state, (now, map.clone()));
        Ok(map)
    }

    fn decode(&self, image: &FitsImage) -> Result<Decoded, Error> {
        let needed = image.data_bytes();
        let before = self.held.fetch_add(needed, Ordering::Relaxed);
        let in_memory = before.saturating_add(needed) <= self.memory;
        if !in_memory {
            self.held.fetch_sub(needed, Ordering::Relaxed);
        }
        let storage = if in_memory { Storage::Memory } else { Storage::Mapped { dir: self.temp_dir.clone() } };
        let memory = if in_memory { needed } else { 0 };
        match decode::decode(image, &storage) {
            Ok(bytes) => Ok(Decoded { bytes, memory, held: self.held.clone() }),
            Err(error) => {
                self.held.fetch_sub(memory, Ordering::Relaxed);
                Err(error)
            }
        }
    }
}

impl FitsImage {
    /// Forgets the decoded pixels; whoever still has them keeps them.
    pub(crate) fn release(&self) {
        lock(&self.decoded).take();
    }

    /// Maps the file, if it is still the one whose header was read.
    pub(super) fn map(&self) -> Result<Mmap, Error> {
        let (file, metadata) = open_file(&self.path)?;
        if FileState::new(&metadata) != self.state {
            return Err(self.wrong("the file has changed since its header was read"));
        }
        map_file(&file, &self.path)
    }

    pub(super) fn wrong(&self, problem: impl std::fmt::Display) -> Error {
        Error::Fits { path: self.path.clone(), problem: format!("HDU {}: {problem}", self.number) }
    }

    /// The type that [`Pixels::read_patch`] should be asked for.
    pub(crate) fn patch_precision(&self) -> Precision {
        let Scaling { scale, zero, .. } = self.scaling;
        // f32 holds the whole numbers up to 2^24.
        let small = scale == 1.0 && zero.fract() == 0.0 && zero.abs() <= (1 << 23) as f64;
        match self.pixel_type {
            PixelType::F32 if scale == 1.0 && zero == 0.0 => Precision::F32,
            PixelType::U8 | PixelType::I16 if small => Precision::F32,
            _ => Precision::F64,
        }
    }
}

#[derive(Clone, Debug)]
enum Bytes {
    Mapped(Arc<Mmap>),
    Decoded(Arc<Decoded>),
}

/// The pixels of an image, to be read in any order from any thread. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Pixels {
    bytes: Bytes,
    offset: usize,
    planes: usize,
    ny: usize,
    nx: usize,
    pixel_type: PixelType,
    scaling: Scaling,
}

impl Pixels {
    /// The data of the image, as in the file.
    fn data(&self) -> Option<&[u8]> {
        let bytes: &[u8] = match &self.bytes {
            Bytes::Mapped(map) => map,
            Bytes::Decoded(decoded) => decoded.bytes.as_slice(),
        };
        let len = self.planes.checked_mul(self.ny)?.checked_mul(self.nx)?.checked_mul(self.pixel_type.size())?;
        bytes.get(self.offset..)?.get(..len)
    }

    /// Reads a patch of a plane (leading axes counted together, the last fastest) into `out`, row by row: stored ×
    /// `BSCALE` + `BZERO`, computed in f64, with NaN for what is `BLANK` or NaN.
    ///
    /// # Errors
    /// [`Error::Shape`] if the patch is not within the image or `out` is too small for it.
    pub(crate) fn read_patch<P: PatchPixel>(&self, plane: usize, window: Window, out: &mut [P]) -> Result<(), Error> {
        match self.pixel_type {
            PixelType::U8 => self.read_rows(plane, window, out, P::read_u8),
            PixelType::I16 => self.read_rows(plane, window, out, P::read_i16),
            PixelType::I32 => self.read_rows(plane, window, out, P::read_i32),
            PixelType::I64 => self.read_rows(plane, window, out, P::read_i64),
            PixelType::F32 => self.read_rows(plane, window, out, P::read_f32),
            PixelType::F64 => self.read_rows(plane, window, out, P::read_f64),
        }
    }

    /// Reads the whole image.
    pub(super) fn read_planes<P: PatchPixel>(&self, out: &mut [P]) -> Result<(), Error> {
        let whole = Window::new(0, 0, self.nx, self.ny);
        let planes = out.chunks_mut(self.ny.saturating_mul(self.nx).max(1));
        planes.enumerate().try_for_each(|(plane, out)| self.read_patch(plane, whole, out))
    }

    fn read_rows<P>(
        &self,
        plane: usize,
        window: Window,
        out: &mut [P],
        convert: fn(&[u8], &Scaling, &mut [P]),
    ) -> Result<(), Error> {
        let Window { x0, y0, nx, ny } = window;
        let wrong = || Error::Shape {
            what: format!("the patch of plane {plane} from column {x0} and row {y0}"),
            got: vec![ny, nx],
            expected: format!("a part of {} planes of {} rows of {} columns", self.planes, self.ny, self.nx),
        };
        let within = |start: usize, count: usize, all: usize| start.checked_add(count).is_some_and(|end| end <= all);
        let fits = plane < self.planes && within(x0, nx, self.nx) && within(y0, ny, self.ny);
        let out = nx.checked_mul(ny).filter(|_| fits).and_then(|count| out.get_mut(..count)).ok_or_else(wrong)?;
        if nx == 0 || ny == 0 {
            return Ok(());
        }
        let size = self.pixel_type.size();
        let row = self.nx * size;
        // Within the data, whose length was checked, so nothing overflows.
        let start = (plane * self.ny + y0) * row;
        let rows = self.data().and_then(|data| data.get(start..)).ok_or_else(wrong)?.chunks(row);
        for (pixels, row) in out.chunks_exact_mut(nx).zip(rows) {
            convert(row.get(x0 * size..(x0 + nx) * size).ok_or_else(wrong)?, &self.scaling, pixels);
        }
        Ok(())
    }
}

/// A type that patches are read as: `f32` or `f64`. Each function converts a row of numbers as they are stored.
pub trait PatchPixel: Copy {
    /// From `u8`.
    fn read_u8(row: &[u8], scaling: &Scaling, out: &mut [Self]);
    /// From `i16`.
    fn read_i16(row: &[u8], scaling: &Scaling, out: &mut [Self]);
    /// From `i32`.
    fn read_i32(row: &[u8], scaling: &Scaling, out: &mut [Self]);
    /// From `i64`.
    fn read_i64(row: &[u8], scaling: &Scaling, out: &mut [Self]);
    /// From `f32`.
    fn read_f32(row: &[u8], scaling: &Scaling, out: &mut [Self]);
    /// From `f64`.
    fn read_f64(row: &[u8], scaling: &Scaling, out: &mut [Self]);
}

fn convert<const N: usize, P>(row: &[u8], out: &mut [P], value: impl Fn([u8; N]) -> P) {
    dispatch(
        #[inline(always)]
        || {
            for (pixel, bytes) in out.iter_mut().zip(row.as_chunks().0) {
                *pixel = value(*bytes);
            }
        },
    )
}

macro_rules! patch_pixel {
    ($($pixel:ident),*) => {
        $(impl PatchPixel for $pixel {
            patch_pixel!(integer $pixel: read_u8 u8, read_i16 i16, read_i32 i32);
            patch_pixel!(float $pixel: read_f32 f32, read_f64 f64);

            fn read_i64(row: &[u8], scaling: &Scaling, out: &mut [$pixel]) {
                let Scaling { scale, zero, blank } = *scaling;
                // BZERO = 2^63 makes unsigned integers: rounded once, which a sum in f64 would be twice.
                const UNSIGNED: f64 = 9_223_372_036_854_775_808.0;
                let known = |bytes| Some(i64::from_be_bytes(bytes)).filter(|&stored| Some(stored) != blank);
                let or_missing = |value: Option<$pixel>| value.unwrap_or($pixel::NAN);
                if scale == 1.0 && zero == 0.0 {
                    convert(row, out, |bytes| or_missing(known(bytes).map(|stored| stored as $pixel)));
                } else if scale == 1.0 && zero == UNSIGNED {
                    let unsigned = |stored: i64| (stored as u64 ^ (1 << 63)) as $pixel;
                    convert(row, out, |bytes| or_missing(known(bytes).map(unsigned)));
                } else {
                    let scaled = |stored: i64| (stored as f64 * scale + zero) as $pixel;
                    convert(row, out, |bytes| or_missing(known(bytes).map(scaled)));
                }
            }
        })*
    };
    (integer $pixel:ident: $($name:ident $stored:ident),*) => {
        $(fn $name(row: &[u8], scaling: &Scaling, out: &mut [$pixel]) {
            let Scaling { scale, zero, blank } = *scaling;
            let scaled = |stored: $stored| (f64::from(stored) * scale + zero) as $pixel;
            match blank.map($stored::try_from) {
                Some(Ok(blank)) => convert(row, out, |bytes| match $stored::from_be_bytes(bytes) {
                    stored if stored == blank => $pixel::NAN,
                    stored => scaled(stored),
                }),
                // No pixel has a BLANK outside the range of the type.
                _ if scale == 1.0 && zero == 0.0 => convert(row, out, |bytes| $stored::from_be_bytes(bytes) as $pixel),
                _ => convert(row, out, |bytes| scaled($stored::from_be_bytes(bytes))),
            }
        })*
    };
    (float $pixel:ident: $($name:ident $stored:ident),*) => {
        $(fn $name(row: &[u8], scaling: &Scaling, out: &mut [$pixel]) {
            let Scaling { scale, zero, .. } = *scaling;
            if scale == 1.0 && zero == 0.0 {
                convert(row, out, |bytes| $stored::from_be_bytes(bytes) as $pixel);
            } else {
                convert(row, out, |bytes| (f64::from($stored::from_be_bytes(bytes)) * scale + zero) as $pixel);
            }
        })*
    };
}

patch_pixel!(f32, f64);

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::fits::{FitsOutput, Hdu};
    use crate::header::Header;

    fn golden(file: &str, hdu: &str) -> FitsImage {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/fits").join(file);
        FitsImage::open(path, &hdu.parse().unwrap()).unwrap()
    }

    #[test]
    fn patches_are_parts_of_the_whole() {
        let cache = FitsCache::new(4, 1 << 20, None);
        for (file, hdu) in
            [("plain.fits", "CUBE"), ("plain.fits", "F32"), ("tiled.fits.fz", "CUBE"), ("plain.fits", "U64")]
        {
            let image = golden(file, hdu);
            let pixels = cache.pixels(&image).unwrap();
            let whole = image.read::<f64>().unwrap();
            let (ny, nx) = (pixels.ny, pixels.nx);
            for plane in 0..pixels.planes {
                for (x0, y0, wide, high) in
                    [(0, 0, nx, ny), (1, 2, 3, 4), (nx - 1, ny - 1, 1, 1), (0, 3, nx, 1), (2, 2, 0, 3)]
                {
                    let mut patch = vec![0.0; wide * high];
                    pixels.read_patch(plane, Window::new(x0, y0, wide, high), &mut patch).unwrap();
                    for (index, &got) in patch.iter().enumerate() {
                        let at = (plane * ny + y0 + index / wide) * nx + x0 + index % wide;
                        let expected = whole.as_slice().unwrap()[at];
                        assert!(
                            got == expected || (got.is_nan() && expected.is_nan()),
                            "{hdu} {plane} {at}: {got} {expected}"
                        );
                    }
                }
            }
            let mut out = vec![0_f32; 12];
            for (plane, window) in [
                (pixels.planes, Window::new(0, 0, 1, 1)),
                (0, Window::new(nx, 0, 1, 1)),
                (0, Window::new(0, ny - 1, 1, 2)),
                (0, Window::new(usize::MAX, 0, 2, 1)),
                (0, Window::new(0, 0, 4, 4)),
            ] {
                assert!(
                    matches!(pixels.read_patch(plane, window, &mut out), Err(Error::Shape { .. })),
                    "{plane} {window:?}"
                );
            }
        }
    }

    #[test]
    fn f32_is_enough_for_small_integers_and_plain_floats_only() {
        for (hdu, expected) in [
            ("U8", Precision::F32),
            ("I16", Precision::F32),
            ("U16", Precision::F32),
            ("S8", Precision::F32),
            ("F32", Precision::F32),
            ("BLANKED", Precision::F32),
            ("I32", Precision::F64),
            ("U32", Precision::F64),
            ("I64", Precision::F64),
            ("U64", Precision::F64),
            ("F64", Precision::F64),
            ("SCALED", Precision::F64),
            ("SCALEDF", Precision::F64),
        ] {
            assert_eq!(golden("plain.fits", hdu).patch_precision(), expected, "{hdu}");
        }
    }

    #[test]
    fn sixty_four_bit_integers_are_rounded_once() {
        let stored = [0_i64, -1, i64::MIN, i64::MAX, (1 << 62) + 129, -(1 << 53) - 1];
        let row: Vec<u8> = stored.iter().flat_map(|number| number.to_be_bytes()).collect();
        let mut out = [0.0_f64; 6];
        let unsigned = Scaling { scale: 1.0, zero: 9_223_372_036_854_775_808.0, blank: None };
        f64::read_i64(&row, &unsigned, &mut out);
        for (got, stored) in out.iter().zip(stored) {
            assert_eq!(*got, (stored as u64 ^ (1 << 63)) as f64);
        }
        f64::read_i64(&row, &Scaling { scale: 1.0, zero: 0.0, blank: Some(-1) }, &mut out);
        assert!(out[1].is_nan() && out[3] == i64::MAX as f64);
    }

    #[test]
    fn few_files_are_mapped_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let cache = FitsCache::new(3, 0, None);
        let images: Vec<FitsImage> = (0..10_u8)
            .map(|value| {
                let path = dir.path().join(value.to_string());
                let mut output = FitsOutput::<f32>::create(&path, &Header::new(), &[2, 2], false).unwrap();
                output.write_array(ndarray::Array2::from_elem((2, 2), value.into()).view()).unwrap();
                output.publish().unwrap();
                FitsImage::open(path, &Hdu::First).unwrap()
            })
            .collect();
        for round in 0..3 {
            for (value, image) in images.iter().enumerate() {
                let mut out = [0.0_f32; 4];
                cache.pixels(image).unwrap().read_patch(0, Window::new(0, 0, 2, 2), &mut out).unwrap();
                assert_eq!(out, [value as f32; 4], "round {round}");
                assert!(lock(&cache.maps).open.len() <= 3);
            }
        }
    }

    #[test]
    fn decoded_images_share_the_memory_given() {
        let images = ["RICE16", "DITHER1", "CUBE"].map(|hdu| golden("tiled.fits.fz", hdu));
        let cache = FitsCache::new(1, 2000, None);
        let held = |cache: &FitsCache| cache.held.load(Ordering::Relaxed);
        let pixels: Vec<Pixels> = images.iter().map(|image| cache.pixels(image).unwrap()).collect();
        // 640 and 1280 bytes; the cube's 3840 went into a file.
        assert_eq!(held(&cache), 1920);
        for (image, pixels) in images.iter().zip(&pixels) {
            let mut out = vec![0.0_f64; image.shape().iter().product()];
            pixels.read_planes(&mut out).unwrap();
            let expected = golden("tiled.fits.fz", image.name()).read::<f64>().unwrap();
            for (got, expected) in out.iter().zip(&expected) {
                assert!(got == expected || (got.is_nan() && expected.is_nan()), "{}: {got} {expected}", image.name());
            }
        }
        images.iter().for_each(FitsImage::release);
        assert_eq!(held(&cache), 1920);
        drop(pixels);
        assert_eq!(held(&cache), 0);
    }
}
