#![allow(missing_docs, unreachable_pub)]
pub struct Buffer<T>(Vec<T>);
impl<T:Copy+Default> Buffer<T>{ pub fn in_memory(n:usize)->Result<Self,crate::Error>{Ok(Buffer(vec![T::default();n]))} pub fn mapped(n:usize,_d:Option<&std::path::Path>)->Result<Self,crate::Error>{Ok(Buffer(vec![T::default();n]))} pub fn as_slice(&self)->&[T]{&self.0} pub fn as_mut_slice(&mut self)->&mut [T]{&mut self.0}}
