//! Many hosts at once, some of them dead. `HOSTWRIGHT_HOSTS=200` has as many as that.

use std::time::Instant;

use serde_json::json;

use crate::fleet::Fleet;

#[test]
fn dead_hosts_are_reported_and_the_others_are_done() {
    let count = std::env::var("HOSTWRIGHT_HOSTS").map_or(12, |count| count.parse().unwrap());
    let names: Vec<String> = (0..count).map(|number| format!("host-{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut fleet = Fleet::start(&names);
    let dead: Vec<&str> = names.iter().copied().step_by(10).collect();
    for name in &dead {
        fleet.hosts.get_mut(*name).unwrap().kill();
    }
    for deployed in ["first", "second"] {
        fleet.set_all("deployed", &json!(deployed));
        let begun = Instant::now();
        let (run, reports) = fleet.apply(&["--connect-timeout", "5", "--parallel", "20"]);
        let seconds = begun.elapsed().as_secs_f64();
        assert_eq!(run.status, Some(9), "{}", run.stderr);
        assert_eq!(reports.len(), count);
        for name in &names {
            let is_dead = dead.contains(name);
            let outcome = if is_dead { "unreachable" } else { "applied" };
            assert_eq!(reports[*name]["outcome"], outcome, "{}", reports[*name]);
            assert_eq!(fleet.host(name).deployed(), if is_dead { "" } else { deployed });
        }
        let said = run.stderr.lines().rev().find(|line| line.contains("peak memory")).unwrap_or_default();
        eprintln!("{count} hosts, {} of them dead: {seconds:.1} s; {said}", dead.len());
    }
}
