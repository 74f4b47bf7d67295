//! Decoding compressed images: gzip by flate2, tile compression by cfitsio (once [`tiles`] has made sure that it may).

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io::{self, BufReader, Read};
use std::sync::{Mutex, PoisonError};

use fitsio::sys;
use flate2::bufread::MultiGzDecoder;

use super::read::{FileState, FitsImage};
use super::scan::open_file;
use super::tiles;
use crate::storage::{Buffer, Scratch, Storage};
use crate::{Error, PixelType};

/// The data of a compressed image as it would stand in an uncompressed file.
pub(super) fn decode(image: &FitsImage, storage: &Storage) -> Result<Buffer<u8>, Error> {
    if !image.gzip {
        return tiles(image, &image.map()?, storage);
    }
    if !image.tiled {
        let len = usize::try_from(image.data_bytes()).map_err(|_| image.wrong("is too large for this machine"))?;
        let mut data = Buffer::new(len, storage, "a decompressed image")?;
        let mut unzipped = unzip(image)?;
        skip(&mut unzipped, image.offset)
            .and_then(|()| unzipped.read_exact(data.as_mut_slice()))
            // The checksum stands at the end: without it, damage would pass for pixels.
            .and_then(|()| io::copy(&mut unzipped, &mut io::sink()))
            .map_err(|error| corrupt_gzip(image, &error))?;
        return Ok(data);
    }
    // Both: the file is unzipped for cfitsio. Its size is found by a first pass, so that it may go into a mapped file.
    let mut size = 0;
    let mut unzipped = unzip(image)?;
    let mut chunk = vec![0; 1 << 16];
    loop {
        match unzipped.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => size += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(corrupt_gzip(image, &error)),
        }
    }
    let mut file = Buffer::new(size, storage, "an unzipped file")?;
    unzip(image)?.read_exact(file.as_mut_slice()).map_err(|error| corrupt_gzip(image, &error))?;
    tiles(image, file.as_slice(), storage)
}

fn unzip(image: &FitsImage) -> Result<impl Read + use<>, Error> {
    let (file, metadata) = open_file(&image.path)?;
    if FileState::new(&metadata) != image.state {
        return Err(image.wrong("the file has changed since its header was read"));
    }
    Ok(MultiGzDecoder::new(BufReader::with_capacity(1 << 17, file)))
}

fn skip(reader: &mut impl Read, bytes: u64) -> io::Result<()> {
    match io::copy(&mut reader.take(bytes), &mut io::sink())? {
        skipped if skipped == bytes => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn corrupt_gzip(image: &FitsImage, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => image.wrong("the gzip file is truncated"),
        _ => image.wrong(format!("the gzip file is corrupt: {error}")),
    }
}

/// A FITS file in memory, open in cfitsio at its second HDU.
struct Handle<'m> {
    file: *mut sys::fitsfile,
    // cfitsio keeps pointers to these two for as long as the file is open.
    memory: Box<(*mut c_void, usize)>,
    bytes: std::marker::PhantomData<&'m [u8]>,
}

/// cfitsio sets itself up without a lock when it is first used; its error messages are of all threads together.
static CFITSIO: Mutex<()> = Mutex::new(());

fn check(image: &FitsImage, action: &str, status: c_int) -> Result<(), Error> {
    if status == 0 {
        return Ok(());
    }
    // 30 characters and a zero, says cfitsio's manual.
    let mut text: [c_char; 64] = [0; 64];
    // SAFETY: the buffer is longer than what is written, and zeros follow.
    let text = unsafe {
        sys::ffgerr(status, text.as_mut_ptr());
        sys::ffcmsg();
        CStr::from_ptr(text.as_ptr())
    };
    let text = text.to_string_lossy();
    Err(image.wrong(format!("cannot {action}: corrupt compressed data (cfitsio {status}: {})", text.trim())))
}

impl Handle<'_> {
    fn open<'m>(image: &FitsImage, bytes: &'m [u8]) -> Result<Handle<'m>, Error> {
        let mut handle = Handle {
            file: std::ptr::null_mut(),
            memory: Box::new((bytes.as_ptr().cast_mut().cast(), bytes.len())),
            bytes: std::marker::PhantomData,
        };
        let mut status = 0;
        {
            let _guard = CFITSIO.lock().unwrap_or_else(PoisonError::into_inner);
            let (address, size) = &mut *handle.memory;
            // SAFETY: the memory outlives the handle ('m) and so do the pointers to it (boxed). The file is open
            // for reading (mode 0), so that cfitsio neither writes to it nor asks for more of it (no realloc). The
            // name is a constant without extended syntax.
            unsafe { sys::ffomem(&mut handle.file, c"memory".as_ptr(), 0, address, size, 0, None, &mut status) };
        }
        check(image, "open it", status)?;
        // SAFETY: the file is open.
        let is_compressed = unsafe {
            sys::ffmahd(handle.file, 2, std::ptr::null_mut(), &mut status);
            sys::fits_is_compressed_image(handle.file, &mut status)
        };
        check(image, "find the HDU", status)?;
        if is_compressed == 0 {
            return Err(image.wrong("cfitsio does not take it for a compressed image"));
        }
        // Stored numbers are wanted: BSCALE and BZERO are applied to patches.
        // SAFETY: the file is open at an image.
        unsafe { sys::ffpscl(handle.file, 1.0, 0.0, &mut status) };
        check(image, "switch scaling off", status)?;
        Ok(handle)
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        if !self.file.is_null() {
            let mut status = 0;
            // SAFETY: the file is open; nobody else has the handle.
            unsafe { sys::ffclos(self.file, &mut status) };
        }
    }
}

fn tiles(image: &FitsImage, file: &[u8], storage: &Storage) -> Result<Buffer<u8>, Error> {
    let safe = tiles::safe(image, file)?;
    let handle = Handle::open(image, &safe)?;
    match image.pixel_type {
        PixelType::U8 => copy(image, &handle, sys::TBYTE, None, u8::to_be_bytes, storage),
        PixelType::I16 => copy(image, &handle, sys::TSHORT, None, i16::to_be_bytes, storage),
        PixelType::I32 => copy(image, &handle, sys::TINT, None, i32::to_be_bytes, storage),
        PixelType::F32 => copy(image, &handle, sys::TFLOAT, Some(f32::NAN), f32::to_be_bytes, storage),
        PixelType::F64 => copy(image, &handle, sys::TDOUBLE, Some(f64::NAN), f64::to_be_bytes, storage),
        PixelType::I64 => Err(image.wrong("cfitsio does not read compressed 64-bit integers")),
    }
}

/// Copies the image out in strips of whole rows. `missing` is the number that stands for missing pixels, where the
/// stored numbers have none of their own.
fn copy<T: Scratch, const N: usize>(
    image: &FitsImage,
    handle: &Handle<'_>,
    datatype: u32,
    missing: Option<T>,
    to_fits: fn(T) -> [u8; N],
    storage: &Storage,
) -> Result<Buffer<u8>, Error> {
    let [.., ny, nx] = *image.shape() else {
        return Err(image.wrong("has fewer than two axes"));
    };
    let len = usize::try_from(image.data_bytes()).map_err(|_| image.wrong("is too large for this machine"))?;
    let mut data = Buffer::new(len, storage, "a decompressed image")?;
    // Of a strip that cuts tiles in two, cfitsio would decode tiles twice.
    let strip = (1_usize << 18).div_ceil(nx).next_multiple_of(image.tile_rows.max(1)).min(ny);
    let mut numbers = Vec::new();
    let count = strip.checked_mul(nx).ok_or_else(|| image.wrong("is too large for this machine"))?;
    numbers.try_reserve_exact(count).map_err(|_| image.wrong("has rows or tiles too large for the memory"))?;
    numbers.resize(count, T::default());
    let mut missing = missing;
    let mut first = 1_i64;
    for plane in data.as_mut_slice().chunks_mut(ny * nx * N) {
        for bytes in plane.chunks_mut(count * N) {
            let rows = numbers.get_mut(..bytes.len() / N).unwrap_or_default();
            let (mut any, mut status) = (0, 0);
            let null = missing.as_mut().map_or(std::ptr::null_mut(), |missing| std::ptr::from_mut(missing).cast());
            // SAFETY: the file is open at the image; `datatype` is that of T; `rows` has room for rows.len() of
            // them, which is what is asked for; `null` is null or points to a T.
            unsafe {
                sys::ffgpv(
                    handle.file,
                    datatype as c_int,
                    first,
                    rows.len() as i64,
                    null,
                    rows.as_mut_ptr().cast(),
                    &mut any,
                    &mut status,
                )
            };
            check(image, "decode it", status)?;
            for (stored, number) in bytes.as_chunks_mut().0.iter_mut().zip(&*rows) {
                *stored = to_fits(*number);
            }
            first += rows.len() as i64;
        }
    }
    Ok(data)
}
