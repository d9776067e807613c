//! Several addresses that serve the same.

use std::collections::HashSet;
use std::sync::atomic::Ordering::SeqCst;

use thinksafe_core::generate::Generate;
use thinksafe_remote::{Dialect, RemoteGenerator, Rendering, Server};

use crate::faults::{options, request};
use crate::server::{Fault, Faults, FaultyServer};

fn ids(servers: &[FaultyServer], requests: u64) -> HashSet<u64> {
    let urls = servers.iter().map(FaultyServer::url).collect();
    let server = Server { urls, ..Server::new(Dialect::OpenAi, "", "m") };
    let rendering = Rendering::Server { opening: String::new() };
    let mut engine = RemoteGenerator::new(&server, rendering, options(8)).unwrap();
    let mut ids = HashSet::new();
    let sink = &mut |completion: thinksafe_core::generate::Completion| {
        assert!(completion.outcome.is_ok() && ids.insert(completion.id));
        Ok(())
    };
    engine.generate(&mut (0..requests).map(request), sink).unwrap();
    ids
}

#[test]
fn requests_are_shared_out_among_servers() {
    let slow: Faults = |_, _| Fault::Slow;
    let servers = [FaultyServer::start(slow), FaultyServer::start(slow)];
    assert_eq!(ids(&servers, 60).len(), 60);
    for server in &servers {
        assert!(server.seen.answered.load(SeqCst) > 10, "{}", server.seen.answered.load(SeqCst));
    }
}

#[test]
fn a_server_that_dies_leaves_its_work_to_the_others() {
    let servers =
        [FaultyServer::start(|_, _| Fault::Disconnect), FaultyServer::start(|_, _| Fault::Slow)];
    assert_eq!(ids(&servers, 60).len(), 60);
    assert_eq!(servers[0].seen.answered.load(SeqCst), 0);
}
