//! Scores kept as series.

use super::super::counts::Counts;
use super::super::scores::{Recorder, Scores};
use super::*;
use std::collections::HashSet;

/// The scores that are kept of the processor: at which step, and which.
async fn kept(lab: &Lab, last_step: i64) -> Vec<(i64, f64)> {
    let of = lab.processor.to_string();
    for _ in 0..2_000 {
        let all = lab
            .store
            .series
            .series_named(lab.device, Metric::ANOMALY_SCORE);
        let found = all
            .iter()
            .find(|series| series.key.labels.get("of_series") == Some(&*of));
        let (from, until) = (NOW - STEP_MS, NOW + 1_000 * STEP_MS);
        let points = found.map(|series| {
            let range = [from, until].map(Timestamp::from_unix_ms);
            let read = lab
                .store
                .series
                .read_many(lab.device, &[series.id], range[0], range[1]);
            read.unwrap().remove(0)
        });
        let points = points.unwrap_or_default().into_iter();
        let points = points.map(|(at, value)| ((at.unix_ms() - NOW) / STEP_MS, value.as_f64()));
        let points: Vec<_> = points.collect();
        if points.last().is_some_and(|(step, _)| *step == last_step) {
            return points;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no score is kept of step {last_step}");
}

async fn answers(lab: &Lab, watching: &Watching, steps: std::ops::Range<i64>, of: fn(i64) -> f64) {
    for step in steps {
        lab.answer(step, of(step)).await;
        lab.looked(watching, step).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_series_that_matters_is_scored_always_and_another_while_an_anomaly_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::open(folder.path(), NOW, 1_024).await;
    lab.past().await;
    let watching = lab.watch(folder.path());
    answers(&lab, &watching, 0..3, usual).await;
    answers(&lab, &watching, 3..5, |_| 0.95).await;
    let found = kept(&lab, 4).await;
    assert_eq!(found.iter().map(|one| one.0).collect::<Vec<_>>(), [3, 4]);
    assert!(found.iter().all(|one| one.1 >= 0.25), "{found:?}");
    answers(&lab, &watching, 5..20, usual).await;
    lab.anomalies(AnomalyState::Ended, 1).await;
    let matter = HashSet::from([lab.processor]);
    lab.matter.send_replace(Arc::new(matter));
    answers(&lab, &watching, 20..40, usual).await;
    let found = kept(&lab, 39).await;
    let of_then = found.iter().filter(|one| one.0 >= 20);
    let of_then: Vec<_> = of_then.copied().collect();
    assert_eq!(of_then.len(), 20, "{found:?}");
    for (_, score) in of_then {
        assert!((0.0..0.5).contains(&score), "{found:?}");
        assert!((score * 100.0 - (score * 100.0).round()).abs() < 1e-9);
    }
    assert!(
        found.iter().all(|one| one.0 < 15 || one.0 >= 20),
        "{found:?}"
    );
    assert_eq!(watching.counts.scores.get(), found.len() as u64);
    assert_eq!(watching.counts.scores_not_kept.get(), 0);
    watching.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scores_that_the_store_refuses_are_counted_and_the_rest_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::open(folder.path(), NOW, 1_024).await;
    let counts = Counts::register(&mut Registry::default());
    let recorder = Recorder {
        series: lab.store.series.clone(),
        events: lab.events.clone(),
        counts: counts.clone(),
        is_failing: false,
    };
    let (sender, scores) = mpsc::channel(2);
    // Long ago, and now.
    for step in [-1_000_000, 0] {
        let scores = Scores {
            device_id: lab.device,
            at: Timestamp::from_unix_ms(NOW + step * STEP_MS),
            scores: vec![(lab.processor, 0.25)],
        };
        sender.send(scores).await.unwrap();
    }
    drop(sender);
    recorder.run(scores).await;
    assert_eq!(kept(&lab, 0).await, [(0, 0.25)]);
    assert_eq!((counts.scores.get(), counts.scores_not_kept.get()), (1, 1));
}
