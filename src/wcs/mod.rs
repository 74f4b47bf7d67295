//! stub
#![allow(missing_docs, unreachable_pub)]
use crate::*;
#[derive(Clone,Debug)] pub struct Wcs{ pub(crate) p:[f64;8] }
impl Wcs { 
pub fn from_header(h:&Header)->Result<Wcs,Error>{ let g=|k:&str| h.f64(k).ok().flatten().unwrap_or(0.0); Ok(Wcs{p:[g("CRVAL1"),g("CRVAL2"),g("CRPIX1"),g("CRPIX2"),g("CD1_1"),g("CD1_2"),g("CD2_1"),g("CD2_2")]}) } }
