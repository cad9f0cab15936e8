//! When members of aggregates are read anew.

use super::*;

#[tokio::test]
async fn members_are_read_when_a_marker_moves_but_not_all_the_time() {
    let (counters, all) = (Groups::COUNTERS, Groups::COUNTERS | details());
    let now = Instant::now();
    let marked = |groups, stacks, aggregates| Look {
        asked: groups,
        complete: groups,
        markers: Markers {
            stacks,
            aggregates,
            ..Markers::default()
        },
        ..Look::default()
    };
    let mut memory = Memory::default();
    memory.take_in(&marked(all, Some(1), Some(1)), now);
    for (secs, stacks, aggregates, again) in [
        (400, Some(1), Some(1), Groups::NONE),
        (299, Some(2), Some(1), Groups::NONE),
        (300, Some(2), Some(1), Groups::INTERFACES),
        (301, Some(1), Some(2), Groups::INTERFACES),
        (302, None, None, Groups::NONE),
    ] {
        let look = marked(counters, stacks, aggregates);
        let told = memory.take_in(&look, now + Duration::from_secs(secs));
        assert_eq!(told, again, "{secs}");
    }
}
