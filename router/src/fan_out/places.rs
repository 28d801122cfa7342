//! Pure: who gives how many tasks of a fetchAndLock that names an order, so that the order holds over all shards.
use serde::Deserialize;
use serde_json::Value;
use std::cmp::Ordering;

/// The order that a fetch names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Highest priority first.
    pub by_priority: bool,
    /// `Some(true)`: oldest first.
    pub created_ascending: Option<bool>,
}

/// Where a task stands, as a shard tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// Its priority.
    pub priority: i64,
    /// When it was created, in ms since 1970.
    pub created: i64,
}

impl Order {
    /// `None` where a request names none, or one that a shard is to refuse.
    pub fn read(use_priority: Option<&Value>, sorting: Option<&Value>) -> Option<Order> {
        let by_priority = match use_priority {
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            other => other.and_then(Value::as_bool).unwrap_or(false),
        };
        let last = sorting.and_then(Value::as_array).and_then(|list| list.last());
        let created_ascending = last.and_then(|item| match item.get("sortOrder")?.as_str()? {
            "asc" => Some(true),
            "desc" => Some(false),
            _ => None,
        });
        let order = Order {
            by_priority,
            created_ascending,
        };
        (by_priority || created_ascending.is_some()).then_some(order)
    }

    /// Who comes first.
    pub fn compare(self, a: Place, b: Place) -> Ordering {
        let by_priority = match self.by_priority {
            true => b.priority.cmp(&a.priority),
            false => Ordering::Equal,
        };
        by_priority.then(match self.created_ascending {
            None => Ordering::Equal,
            Some(true) => a.created.cmp(&b.created),
            Some(false) => b.created.cmp(&a.created),
        })
    }
}

/// How many of the first `max` tasks over all shards are each shard's. Among equals the shards given first come first:
/// where nothing tells tasks apart, few shards are asked.
pub fn shares(order: Order, max: usize, shards: &[Vec<Place>]) -> Vec<usize> {
    let mut all: Vec<(usize, Place)> = shards
        .iter()
        .enumerate()
        .flat_map(|(shard, places)| places.iter().map(move |place| (shard, *place)))
        .collect();
    all.sort_by(|(_, a), (_, b)| order.compare(*a, *b));
    let mut shares = vec![0; shards.len()];
    for (shard, _) in all.into_iter().take(max) {
        shares[shard] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn place(priority: i64, created: i64) -> Place {
        Place { priority, created }
    }

    #[test]
    fn an_order_is_read_as_nodes_read_it() {
        let read = |body: Value| Order::read(body.get("usePriority"), body.get("sorting"));
        assert_eq!(read(json!({"usePriority": false, "sorting": []})), None);
        assert_eq!(
            read(json!({"usePriority": true, "sorting": null})),
            Some(Order {
                by_priority: true,
                created_ascending: None
            })
        );
        assert_eq!(
            read(json!({"sorting": [{"sortBy": "createTime", "sortOrder": "desc"}]})),
            Some(Order {
                by_priority: false,
                created_ascending: Some(false)
            })
        );
    }

    #[test]
    fn a_higher_priority_on_another_shard_comes_first() {
        let order = Order {
            by_priority: true,
            created_ascending: None,
        };
        let shards = [
            vec![place(5, 0), place(0, 0)],
            vec![place(9, 0), place(5, 0)],
            vec![],
        ];
        assert_eq!(shares(order, 1, &shards), [0, 1, 0]);
        assert_eq!(shares(order, 2, &shards), [1, 1, 0]);
        assert_eq!(shares(order, 3, &shards), [1, 2, 0]);
        assert_eq!(shares(order, 9, &shards), [2, 2, 0]);
    }

    proptest! {
        #[test]
        fn the_shares_are_those_of_one_queue(
            shards in prop::collection::vec(prop::collection::vec((0i64..4, 0i64..6), 0..8), 1..5),
            max in 0usize..12,
            by_priority: bool,
            created_ascending: Option<bool>,
        ) {
            let order = Order { by_priority, created_ascending };
            let queue = |places: &[(i64, i64)]| {
                let mut places: Vec<Place> = places.iter().map(|(p, c)| place(*p, *c)).collect();
                places.sort_by(|a, b| order.compare(*a, *b));
                places
            };
            let each: Vec<Vec<Place>> = shards.iter().map(|places| queue(places)).collect();
            let whole = queue(&shards.concat());
            let shares = shares(order, max, &each);
            let mut taken: Vec<Place> =
                each.iter().zip(&shares).flat_map(|(places, n)| places[..*n].to_vec()).collect();
            taken.sort_by(|a, b| order.compare(*a, *b));
            prop_assert_eq!(taken.len(), max.min(whole.len()));
            for (taken, first) in taken.iter().zip(&whole) {
                prop_assert_eq!(order.compare(*taken, *first), Ordering::Equal);
            }
        }
    }
}
