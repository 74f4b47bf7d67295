//! Thread pools and the queue of jobs; the only module that names rayon.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use crate::{Error, Parallel};

/// The threads of one run.
pub(crate) enum ThreadPool {
    Serial,
    Own(rayon::ThreadPool),
    Current,
}

/// Stops all others when the thread that has it panics.
struct StopOnPanic<'s>(&'s AtomicBool);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

impl ThreadPool {
    /// # Errors
    /// [`Error::Threads`] if the system does not provide the threads.
    pub(crate) fn new(parallel: Parallel) -> Result<ThreadPool, Error> {
        match parallel {
            Parallel::Serial => Ok(ThreadPool::Serial),
            Parallel::Current => Ok(ThreadPool::Current),
            Parallel::Threads(threads) => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build();
                pool.map(ThreadPool::Own)
                    .map_err(|error| Error::Threads { threads: threads.get(), problem: error.to_string() })
            }
        }
    }

    /// How many jobs are worked on at once.
    pub(crate) fn workers(&self) -> usize {
        match self {
            ThreadPool::Serial => 1,
            ThreadPool::Own(pool) => pool.current_num_threads(),
            ThreadPool::Current => rayon::current_num_threads(),
        }
    }

    /// Does every job, handed out in order to whoever is free, each worker with a workspace of its own. After a failure or a panic no more jobs are handed
    /// out; the error of the first job, in order, that failed is returned, and a panic goes on in the caller.
    pub(crate) fn for_each<J: Send, W>(
        &self,
        jobs: Vec<J>,
        workspace: impl Fn() -> W + Sync,
        work: impl Fn(J, &mut W) -> Result<(), Error> + Sync,
    ) -> Result<(), Error> {
        let queue = Mutex::new(jobs.into_iter().enumerate());
        let stopped = AtomicBool::new(false);
        let failure: Mutex<Option<(usize, Error)>> = Mutex::new(None);
        let worker = || {
            let _stop = StopOnPanic(&stopped);
            let mut workspace = workspace();
            while !stopped.load(Ordering::Relaxed) {
                let Some((order, job)) = queue.lock().unwrap_or_else(PoisonError::into_inner).next() else { break };
                if let Err(error) = work(job, &mut workspace) {
                    stopped.store(true, Ordering::Relaxed);
                    let mut first = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    if first.as_ref().is_none_or(|(earlier, _)| order < *earlier) {
                        *first = Some((order, error));
                    }
                }
            }
        };
        match self {
            ThreadPool::Serial => worker(),
            ThreadPool::Own(pool) => pool.scope(|scope| self.spawn(scope, &worker)),
            ThreadPool::Current => rayon::scope(|scope| self.spawn(scope, &worker)),
        }
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Maps `0..count`, in parallel; the results are in order. After a panic nothing more is mapped, and the panic goes on in the caller.
    pub(crate) fn map<R: Send>(
        &self,
        count: usize,
        work: impl Fn(usize) -> Result<R, Error> + Sync + Send,
    ) -> Result<Vec<R>, Error> {
        use rayon::prelude::*;
        let stopped = AtomicBool::new(false);
        let watched = |item: usize| {
            if stopped.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            let _stop = StopOnPanic(&stopped);
            work(item)
        };
        let parallel = || -> Vec<Result<R, Error>> { (0..count).into_par_iter().map(watched).collect() };
        match self {
            ThreadPool::Serial => (0..count).map(work).collect(),
            // Collected before looking for errors: the first in order is returned, not the first in time.
            ThreadPool::Own(pool) => pool.install(parallel).into_iter().collect(),
            ThreadPool::Current => parallel().into_iter().collect(),
        }
    }

    fn spawn<'s>(&self, scope: &rayon::Scope<'s>, worker: &'s (impl Fn() + Sync)) {
        for _ in 0..self.workers() {
            scope.spawn(move |_| worker());
        }
    }
}
