//! The variables that a builder gets.

use std::fmt;

/// Variables by name, in the order of names. All of them lie in one piece: there are millions where all packages of a tree are
/// evaluated.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Each name and its value behind it.
    bytes: Vec<u8>,
    /// Where each name ends, and its value.
    ends: Vec<(usize, usize)>,
}

impl Environment {
    /// No variable, with room for some.
    pub fn with_capacity(variables: usize, bytes: usize) -> Self {
        Environment { bytes: Vec::with_capacity(bytes), ends: Vec::with_capacity(variables) }
    }

    /// The value of a variable.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.find(name.as_ref()).ok().map(|index| self.variable(index).1)
    }

    /// Sets a variable. Returns whether it was there before.
    pub fn insert(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> bool {
        let (name, value) = (name.as_ref(), value.as_ref());
        let (index, was_there) = match self.find(name) {
            Ok(index) => (index, true),
            Err(index) => (index, false),
        };
        let start = self.start(index);
        if !was_there {
            self.ends.insert(index, (start, start));
        }
        let behind = self.bytes.split_off(self.ends[index].1);
        let old_end = self.ends[index].1;
        self.bytes.truncate(start);
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        let end = self.bytes.len();
        self.bytes.extend_from_slice(&behind);
        self.ends[index] = (start + name.len(), end);
        for (name_end, value_end) in &mut self.ends[index + 1..] {
            *name_end = *name_end + end - old_end;
            *value_end = *value_end + end - old_end;
        }
        was_there
    }

    /// The number of variables.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no variable.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All variables with their values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        (0..self.ends.len()).map(|index| self.variable(index))
    }

    /// Where a variable begins.
    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before].1)
    }

    fn variable(&self, index: usize) -> (&[u8], &[u8]) {
        let (name_end, value_end) = self.ends[index];
        (&self.bytes[self.start(index)..name_end], &self.bytes[name_end..value_end])
    }

    /// The place of a variable, or where it would have to be.
    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        // Most are set in the order of names.
        match self.ends.len().checked_sub(1) {
            Some(last) if self.variable(last).0 >= name => {}
            _ => return Err(self.ends.len()),
        }
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.variable(middle).0.cmp(name) {
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }
}

/// Of two values of one name the later one stays.
impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let mut environment = Environment::default();
        for (name, value) in variables {
            environment.insert(name, value);
        }
        environment
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |bytes| String::from_utf8_lossy(bytes);
        formatter.debug_map().entries(self.iter().map(|(name, value)| (shown(name), shown(value)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn variables_are_those_of_a_map(variables: Vec<(Vec<u8>, Vec<u8>)>, few in "[a-c]{0,40}") {
            let few = few.bytes().enumerate().map(|(index, name)| (vec![name], vec![b'x'; index % 7]));
            let (mut map, mut environment) = (BTreeMap::new(), Environment::default());
            for (name, value) in variables.into_iter().chain(few) {
                prop_assert_eq!(environment.insert(&name, &value), map.insert(name, value).is_some());
            }
            prop_assert_eq!(environment.len(), map.len());
            prop_assert!(environment.iter().eq(map.iter().map(|(name, value)| (&**name, &**value))));
            for (name, value) in &map {
                prop_assert_eq!(environment.get(name), Some(&**value));
            }
            prop_assert_eq!(environment.get("missing"), None);
            prop_assert_eq!(&map.iter().rev().collect::<Environment>(), &environment);
        }
    }
}
