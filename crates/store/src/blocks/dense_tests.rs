//! From blocks and back, and what is refused.

use super::*;
use proptest::prelude::*;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u64>().prop_map(Value::U64),
        (-1e9f64..1e9).prop_map(Value::F64),
    ]
}

fn block(cells: &[(i64, u32, Value)]) -> Block {
    let mut block = Block::new();
    for (at, column, value) in cells {
        block.set(Timestamp::from_unix_ms(*at), &[(Column(*column), *value)]);
    }
    block
}

proptest! {
    #[test]
    fn a_block_comes_back(cells in prop::collection::vec((-40i64..40, 0u32..5, value()), 0..200)) {
        let block = block(&cells);
        let dense = Dense::try_from(&block).unwrap();
        prop_assert_eq!(dense.to_block(), block.clone());
        prop_assert_eq!(dense.samples(), block.values());
        let (from, to) = (Timestamp::from_unix_ms(-7), Timestamp::from_unix_ms(21));
        let (first, end) = (
            dense.times().partition_point(|at| *at < -7),
            dense.times().partition_point(|at| *at < 21),
        );
        for (column, values) in dense.columns() {
            let slice = ColumnSlice::new(dense.times(), values, first, end);
            let expected: Vec<_> = block.points(*column, from, to).collect();
            prop_assert_eq!(slice.points().collect::<Vec<_>>(), expected.clone());
            let mut quick = Vec::new();
            slice.extend(&mut quick);
            prop_assert_eq!(&quick, &expected);
            if let Some((times, numbers)) = slice.whole() {
                let whole: Vec<_> = times.iter().zip(numbers)
                    .map(|(at, number)| (Timestamp::from_unix_ms(*at), Value::U64(*number)))
                    .collect();
                prop_assert_eq!(whole, expected);
            }
        }
    }
}

#[test]
fn what_no_block_may_hold_is_refused() {
    assert_eq!(Dense::new(vec![1, 1]), Err(DenseError::Times));
    let rows = ROWS_MAX + 1;
    let many = (0..i64::try_from(rows).unwrap()).collect();
    assert_eq!(Dense::new(many), Err(DenseError::TooManyRows { rows }));
    let mut dense = Dense::new(vec![1, 2, 3]).unwrap();
    let mut check = |column, values, expected| {
        assert_eq!(dense.push(Column(column), values), expected);
    };
    let rows = |column| Err(DenseError::Rows { column });
    check(1, Values::Whole(Run::full(vec![7; 3])), Ok(()));
    let again = Err(DenseError::Order { column: 1 });
    check(1, Values::Whole(Run::full(vec![7; 3])), again);
    check(2, Values::Whole(Run::full(vec![7; 4])), rows(2));
    check(2, Values::Whole(Run::at(3, [])), rows(2));
    check(2, Values::Whole(Run::at(17, [(16, 1)])), rows(2));
    check(2, Values::Whole(Run::at(5, [(3, 1)])), rows(2));
    let half = Values::Both(Run::at(3, [(1, 1)]), Run::at(3, []));
    check(2, half, rows(2));
    let nan = Values::Float(Run::at(3, [(1, f64::NAN)]));
    check(2, nan, Err(DenseError::NotFinite { column: 2 }));
    let both = Values::Both(Run::at(3, [(1, 1)]), Run::at(3, [(1, 1.0)]));
    check(2, both, rows(2));
    let both = Values::Both(Run::at(3, [(0, 1)]), Run::at(3, [(1, 1.0)]));
    check(2, both, Ok(()));
    assert_eq!(Run::at(3, [(2, 1), (1, 2), (3, 3)]), Run::at(3, [(2, 1)]));
}
