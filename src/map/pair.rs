#![allow(missing_docs, unreachable_pub)]
use crate::*;
pub struct WcsMap([f64;8],[f64;8]);
impl WcsMap { pub fn new(t:&Wcs,i:&Wcs)->Result<WcsMap,Error>{Ok(WcsMap(t.p,i.p))} }
impl PixelMap for WcsMap { fn to_input(&self,x:&mut[f64],y:&mut[f64]){ let (t,i)=(self.0,self.1);
 for (x,y) in x.iter_mut().zip(y) { let (u,v)=(*x+1.0-t[2],*y+1.0-t[3]); let (a,d)=(t[0]+(t[4]*u+t[5]*v),t[1]+t[6]*u+t[7]*v); let (a,d)=(a-i[0],d-i[1]); let det=i[4]*i[7]-i[5]*i[6]; *x=(i[7]*a-i[5]*d)/det+i[2]-1.0; *y=(-i[6]*a+i[4]*d)/det+i[3]-1.0; } } }
