//! Decoding tile-compressed images with cfitsio, once [`tiles`](super::tiles) has made sure that it may.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    marker::PhantomData,
    sync::OnceLock,
};

use fitsio::sys;

use super::{
    convert::{self, Stored},
    data::Data,
    grid::Block,
    image::FitsImage,
    tiling::Tiling,
};
use crate::{Error, Pixel, PixelType};

unsafe extern "C" {
    /// Of cfitsio, which calls it when it first needs the random numbers, and does not wait until another thread has made them.
    safe fn fits_init_randoms() -> c_int;
}

/// cfitsio sets itself up without regard to other threads when it is first used: that is done here, once.
fn initialise(image: &FitsImage) -> Result<(), Error> {
    static STATUS: OnceLock<c_int> = OnceLock::new();
    let status = *STATUS.get_or_init(|| {
        // SAFETY: nothing else of cfitsio is called before this has returned.
        match unsafe { sys::fits_init_cfitsio() } {
            0 => fits_init_randoms(),
            status => status,
        }
    });
    check(image, "prepare cfitsio", status)
}

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

/// Where a file in memory is, for cfitsio.
struct Place {
    address: *mut c_void,
    size: usize,
}

/// A FITS file in memory, open in cfitsio at its second HDU.
struct Handle<'m> {
    file: *mut sys::fitsfile,
    /// Made by `Box::into_raw`. cfitsio keeps pointers to its two fields for as long as the file is open, so it is no `Box`, which would claim to be
    /// the only way to them.
    place: *mut Place,
    bytes: PhantomData<&'m [u8]>,
}

impl Handle<'_> {
    fn open<'m>(image: &FitsImage, bytes: &'m [u8]) -> Result<Handle<'m>, Error> {
        initialise(image)?;
        let place = Box::into_raw(Box::new(Place { address: bytes.as_ptr().cast_mut().cast(), size: bytes.len() }));
        let mut handle = Handle { file: std::ptr::null_mut(), place, bytes: PhantomData };
        let mut status = 0;
        // SAFETY: `place` is valid until the handle is dropped, which closes the file first, and the memory that it tells of outlives the handle ('m).
        // The file is open for reading (mode 0), so that cfitsio neither writes to the memory nor asks for more of it (no realloc). The name is a
        // constant without extended syntax.
        unsafe {
            let (address, size) = (&raw mut (*place).address, &raw mut (*place).size);
            sys::ffomem(&mut handle.file, c"memory".as_ptr(), 0, address, size, 0, None, &mut status);
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
        // Stored numbers are wanted: BSCALE and BZERO are applied here.
        // SAFETY: the file is open at an image.
        unsafe { sys::ffpscl(handle.file, 1.0, 0.0, &mut status) };
        check(image, "switch scaling off", status)?;
        Ok(handle)
    }

    /// Reads numbers, which are counted from 0.
    fn read<const N: usize, S: Number<N>>(
        &self,
        image: &FitsImage,
        first: usize,
        numbers: &mut [S],
    ) -> Result<(), Error> {
        let (mut any, mut status) = (0, 0);
        let mut missing = S::MISSING;
        let null = missing.as_mut().map_or(std::ptr::null_mut(), |missing| std::ptr::from_mut(missing).cast());
        // SAFETY: the file is open at the image; DATATYPE is that of S; `numbers` has room for as many as are asked for; `null` is null or points to
        // an S.
        unsafe {
            sys::ffgpv(
                self.file,
                S::DATATYPE as c_int,
                first as i64 + 1,
                numbers.len() as i64,
                null,
                numbers.as_mut_ptr().cast(),
                &mut any,
                &mut status,
            )
        };
        check(image, "decode it", status)
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        if !self.file.is_null() {
            let mut status = 0;
            // SAFETY: the file is open; nobody else has the handle.
            unsafe { sys::ffclos(self.file, &mut status) };
        }
        // SAFETY: from Box::into_raw. The file, if it was ever open, is closed, and cfitsio no longer uses it.
        drop(unsafe { Box::from_raw(self.place) });
    }
}

/// A number that cfitsio decodes to.
trait Number<const N: usize>: Stored<N> {
    const DATATYPE: u32;
    /// What stands for missing pixels, if the stored numbers have no number for them.
    const MISSING: Option<Self>;
}

impl Number<1> for u8 {
    const DATATYPE: u32 = sys::TBYTE;
    const MISSING: Option<u8> = None;
}

impl Number<2> for i16 {
    const DATATYPE: u32 = sys::TSHORT;
    const MISSING: Option<i16> = None;
}

impl Number<4> for i32 {
    const DATATYPE: u32 = sys::TINT;
    const MISSING: Option<i32> = None;
}

impl Number<4> for f32 {
    const DATATYPE: u32 = sys::TFLOAT;
    const MISSING: Option<f32> = Some(f32::NAN);
}

impl Number<8> for f64 {
    const DATATYPE: u32 = sys::TDOUBLE;
    const MISSING: Option<f64> = Some(f64::NAN);
}

impl Tiling {
    /// Reads a block of the grid, or the whole image.
    pub(super) fn read<P: Pixel>(
        &self,
        image: &FitsImage,
        data: &Data<'_>,
        block: &Block,
        out: &mut [P],
        check: &dyn Fn() -> Result<(), Error>,
    ) -> Result<(), Error> {
        match image.pixel_type {
            PixelType::U8 => self.read_as::<u8, 1, P>(image, data, block, out, check),
            PixelType::I16 => self.read_as::<i16, 2, P>(image, data, block, out, check),
            PixelType::I32 => self.read_as::<i32, 4, P>(image, data, block, out, check),
            PixelType::F32 => self.read_as::<f32, 4, P>(image, data, block, out, check),
            PixelType::F64 => self.read_as::<f64, 8, P>(image, data, block, out, check),
            PixelType::I64 => Err(image.wrong("cfitsio does not read compressed 64-bit integers")),
        }
    }

    fn read_as<S: Number<N>, const N: usize, P: Pixel>(
        &self,
        image: &FitsImage,
        data: &Data<'_>,
        block: &Block,
        out: &mut [P],
        check: &dyn Fn() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let window = block.window;
        let too_large = || image.wrong("has rows or tiles too large for the memory");
        let mut numbers: Vec<S> = Vec::new();
        for part in self.parts(block) {
            check()?;
            let file = self.file(image, data, &part)?;
            let handle = Handle::open(image, &file)?;
            let (height, rows) = (part.height(), part.rows());
            let strip = self.strip(&part);
            let count = strip.checked_mul(window.nx).ok_or_else(too_large)?;
            numbers.clear();
            numbers.try_reserve_exact(count).map_err(|_| too_large())?;
            numbers.resize(count, S::default());
            for first in (0..rows).step_by(strip) {
                let numbers = numbers.get_mut(..strip.min(rows - first) * window.nx).unwrap_or_default();
                handle.read(image, first * window.nx, numbers)?;
                // Rows of one plane of the part follow each other in the block.
                for (row, numbers) in (first..).step_by(height).zip(numbers.chunks(height * window.nx)) {
                    let plane = part.plane - block.planes.start + row / height;
                    let to = (plane * window.ny + part.y - window.y0 + row % height) * window.nx;
                    let out = out.get_mut(to..).and_then(|out| out.get_mut(..numbers.len())).unwrap_or_default();
                    convert::convert(&image.scaling, numbers.iter().copied(), out);
                }
            }
        }
        Ok(())
    }
}
