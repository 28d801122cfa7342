//! What goes to history, and where.

/// Days up to which a definition's history belongs to each retention class above 0; the last class has no bound.
const BOUNDS: [i32; 4] = [7, 31, 92, 366];

/// The retention class of a definition: 0 keeps history until somebody deletes it, 1 to 5 group the
/// time-to-live (in days) so that few partitions hold what expires together.
pub fn retention(ttl_days: Option<i32>) -> i16 {
    match ttl_days {
        None => 0,
        Some(days) => 1 + BOUNDS.iter().filter(|bound| days > **bound).count() as i16,
    }
}

#[cfg(test)]
mod tests {
    use super::retention;

    #[test]
    fn a_time_to_live_has_a_class_and_none_is_kept() {
        let classes = [None, Some(0), Some(7), Some(8), Some(31), Some(180), Some(3650)].map(retention);
        assert_eq!(classes, [0, 1, 1, 2, 2, 4, 5]);
    }
}
