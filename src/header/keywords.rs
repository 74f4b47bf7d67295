//! Which keywords belong to the storage of the data rather than to its description.

/// FITS files are made of blocks of this many bytes.
pub(crate) const BLOCK: usize = 2880;

/// Whether a keyword describes how the data is stored, rather than what it is.
pub(crate) fn is_structural(keyword: &str) -> bool {
    let exact = [
        "SIMPLE", "XTENSION", "BITPIX", "EXTEND", "PCOUNT", "GCOUNT", "GROUPS", "BSCALE", "BZERO", "BLANK", "CHECKSUM",
        "DATASUM", "END", "TFIELDS", "THEAP",
    ];
    exact.contains(&keyword) || is_numbered(keyword, "NAXIS") || is_tiling(keyword)
}

/// Whether a keyword describes how an image is compressed into a table.
pub(crate) fn is_tiling(keyword: &str) -> bool {
    let exact = [
        "ZIMAGE", "ZCMPTYPE", "ZBITPIX", "ZQUANTIZ", "ZDITHER0", "ZMASKCMP", "ZSIMPLE", "ZTENSION", "ZEXTEND",
        "ZBLOCKED", "ZPCOUNT", "ZGCOUNT", "ZHECKSUM", "ZDATASUM", "ZSCALE", "ZZERO", "ZBLANK",
    ];
    exact.contains(&keyword) || ["ZNAXIS", "ZTILE", "ZNAME", "ZVAL"].iter().any(|stem| is_numbered(keyword, stem))
}

/// Whether a keyword is a stem, alone or with a number.
pub(crate) fn is_numbered(keyword: &str, stem: &str) -> bool {
    keyword.strip_prefix(stem).is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a keyword describes a column of a table.
pub(crate) fn is_column(keyword: &str) -> bool {
    let stems = ["TTYPE", "TFORM", "TUNIT", "TNULL", "TSCAL", "TZERO", "TDISP", "TDIM"];
    stems.iter().any(|stem| is_numbered(keyword, stem))
}
