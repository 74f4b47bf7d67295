//! Files that are compressed as a whole with gzip: a stream, which can only be read from its beginning to its end.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use flate2::bufread::MultiGzDecoder;

use super::{
    convert,
    data::{Data, Loading},
    image::FitsImage,
};
use crate::{
    Error, Pixel,
    storage::{Buffer, Storage},
};

/// Bytes of the compressed file that are read at once.
const INPUT: usize = 1 << 17;
/// Bytes that are unzipped at once.
const CHUNK: usize = 1 << 16;
/// Bytes after which the run is asked whether it goes on.
const CHECKED: usize = 1 << 20;
/// Bytes that unzipping takes: buffers, and what the decoder keeps.
pub(super) const SCRATCH: usize = INPUT + CHUNK + (1 << 17);

/// The unzipped bytes of a file.
pub(super) type Unzipped<R> = MultiGzDecoder<R>;

/// Unzips what a reader, at the beginning of a gzip file, has.
pub(super) fn unzipped<R: BufRead>(_path: &Path, reader: R) -> Result<Box<Unzipped<R>>, Error> {
    Ok(Box::new(MultiGzDecoder::new(reader)))
}

/// A file that others read at the same time, from its beginning.
struct Sequential {
    file: Arc<File>,
    at: u64,
}

impl Read for Sequential {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(bytes, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// The stream of an image's file.
struct Stream<'s> {
    image: &'s FitsImage,
    check: &'s dyn Fn() -> Result<(), Error>,
    reader: MultiGzDecoder<BufReader<Sequential>>,
    unchecked: usize,
}

impl Stream<'_> {
    fn corrupt(&self, error: &io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.image.wrong("the gzip file is truncated"),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                self.image.wrong(format!("the gzip file is corrupt: {error}"))
            }
            _ => self.image.wrong(format!("cannot read the gzip file: {error}")),
        }
    }

    fn counted(&mut self, bytes: usize) -> Result<(), Error> {
        self.unchecked += bytes;
        if self.unchecked >= CHECKED {
            self.unchecked = 0;
            (self.check)()?;
        }
        Ok(())
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        for chunk in bytes.chunks_mut(CHECKED) {
            self.reader.read_exact(chunk).map_err(|error| self.corrupt(&error))?;
            self.counted(chunk.len())?;
        }
        Ok(())
    }

    /// Passes over bytes, at most as many as there are. How many there were.
    fn skip(&mut self, most: u64) -> Result<u64, Error> {
        let mut chunk = vec![0; CHUNK];
        let mut skipped = 0;
        while skipped < most {
            let wanted = usize::try_from(most - skipped).unwrap_or(CHUNK).min(CHUNK);
            match self.reader.read(chunk.get_mut(..wanted).unwrap_or_default()) {
                Ok(0) => break,
                Ok(count) => {
                    skipped += count as u64;
                    self.counted(count)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.corrupt(&error)),
            }
        }
        Ok(skipped)
    }

    /// Reads what is left: the checksum stands at the end, without it damage would pass for pixels.
    fn finish(mut self) -> Result<(), Error> {
        self.skip(u64::MAX).map(|_| ())
    }
}

/// Reads the whole image.
pub(super) fn read<P: Pixel>(
    image: &FitsImage,
    file: Arc<File>,
    loading: &Loading<'_>,
    out: &mut [P],
) -> Result<(), Error> {
    let reader = BufReader::with_capacity(INPUT, Sequential { file, at: 0 });
    let mut stream = Stream { image, check: loading.check, reader: MultiGzDecoder::new(reader), unchecked: 0 };
    if stream.skip(image.offset)? < image.offset {
        return Err(image.wrong("the gzip file is truncated"));
    }
    let Some(tiling) = &image.tiling else {
        let size = image.pixel_type.size();
        let mut bytes = vec![0; CHUNK];
        for pixels in out.chunks_mut(CHUNK / size) {
            let bytes = bytes.get_mut(..pixels.len() * size).unwrap_or_default();
            stream.fill(bytes)?;
            convert::from_file(image.pixel_type, &image.scaling, bytes, pixels);
        }
        return stream.finish();
    };
    // Both: the table of tiles is unzipped first.
    let reserved = loading.memory.try_reserve(tiling.bytes());
    let storage = match &reserved {
        Some(_) => Storage::Memory,
        None => Storage::Mapped { dir: loading.temp_dir.map(Path::to_owned) },
    };
    let len = usize::try_from(tiling.bytes()).map_err(|_| image.wrong("is too large for this machine"))?;
    let mut table = Buffer::<u8>::new(len, &storage, "an unzipped file")?;
    stream.fill(table.as_mut_slice())?;
    stream.finish()?;
    tiling.read(image, &Data::Memory(table.as_slice()), &image.grid.all(), out, loading.check)
}
