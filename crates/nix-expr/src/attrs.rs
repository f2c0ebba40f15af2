//! Attribute sets.
//!
//! A set is a slice sorted by symbol. `//` does not copy its operands: it lays one over the other, and the layers are
//! joined when too many have piled up. In a NixOS system of nixpkgs this saves a sixth of all memory.

use std::borrow::Cow;
use std::cell::Cell;

use bumpalo::Bump;

use crate::hint::Hint;
use crate::position::Position;
use crate::symbol::Symbol;
use crate::value::Slot;

/// One attribute.
#[derive(Clone, Copy)]
pub struct Attr<'a> {
    /// Its name.
    pub name: Symbol,
    /// Where it was defined.
    pub position: Position,
    /// Its value.
    pub value: &'a Slot<'a>,
}

/// An attribute set.
pub struct Attrs<'a> {
    /// Sorted by name.
    own: Cell<&'a [Attr<'a>]>,
    /// The set that `own` is laid over.
    under: Cell<Option<&'a Attrs<'a>>>,
}

/// Below this size a linear search is faster than a binary one.
const LINEAR_BELOW: usize = 8;
/// Sets of no more attributes than this in all are joined at once: a layer would save nothing.
const LAYER_LEAST: usize = 8;
/// No set has more layers than this.
const LAYERS: usize = 8;
/// Layers of fewer attributes than this in all are joined before they are laid over another set.
const LARGE: usize = 64;

#[inline]
fn search_index(attrs: &[Attr<'_>], name: Symbol) -> Option<usize> {
    if attrs.len() < LINEAR_BELOW {
        attrs.iter().position(|attr| attr.name == name)
    } else {
        attrs.binary_search_by_key(&name, |attr| attr.name).ok()
    }
}

#[inline]
fn search<'s, 'a>(attrs: &'s [Attr<'a>], name: Symbol) -> Option<&'s Attr<'a>> {
    search_index(attrs, name).map(|index| &attrs[index])
}

impl<'a> Attrs<'a> {
    /// A set of attributes that are sorted by name, each name once.
    pub fn from_sorted(attrs: &'a [Attr<'a>]) -> Self {
        debug_assert!(attrs.windows(2).all(|pair| pair[0].name < pair[1].name));
        Attrs { own: Cell::new(attrs), under: Cell::new(None) }
    }

    /// A set of attributes in any order; of two with one name the first is kept.
    pub fn from_unsorted(arena: &'a Bump, mut attrs: Vec<Attr<'a>>) -> &'a Self {
        attrs.sort_by_key(|attr| attr.name);
        attrs.dedup_by_key(|attr| attr.name);
        arena.alloc(Attrs::from_sorted(arena.alloc_slice_copy(&attrs)))
    }

    /// The attribute of a name.
    #[inline]
    pub fn get(&self, name: Symbol) -> Option<&'a Attr<'a>> {
        let mut found = search(self.own.get(), name);
        let mut under = self.under.get();
        while found.is_none() {
            let layer = under?;
            found = search(layer.own.get(), name);
            under = layer.under.get();
        }
        found
    }

    /// As [`Self::get`]. `place` is where the attribute may be, and is set to where it was found.
    #[inline]
    pub fn get_near(&self, name: Symbol, place: &Hint) -> Option<&'a Attr<'a>> {
        let own = self.own.get();
        if let Some(attr) = own.get(place.get() as usize)
            && attr.name == name
        {
            return Some(attr);
        }
        let Some(index) = search_index(own, name) else { return self.under.get()?.get(name) };
        place.set(index as u32);
        own.get(index)
    }

    /// A set of attributes that come sorted by name, each name once.
    pub fn from_sorted_iter(
        arena: &'a Bump,
        attrs: impl IntoIterator<Item = Attr<'a>, IntoIter: ExactSizeIterator>,
    ) -> &'a Self {
        arena.alloc(Attrs::from_sorted(arena.alloc_slice_fill_iter(attrs)))
    }

    /// All attributes, sorted by symbol. Joins the layers for good.
    pub fn all(&self, arena: &'a Bump) -> &'a [Attr<'a>] {
        if let Some(under) = self.under.get() {
            self.own.set(under.join_under(Cow::Borrowed(self.own.get()), None, arena));
            self.under.set(None);
        }
        self.own.get()
    }

    /// All attributes, sorted by symbol, for looking at them once: the layers stay, and nothing is left in the arena.
    pub fn joined(&self) -> Cow<'a, [Attr<'a>]> {
        let mut joined = Cow::Borrowed(self.own.get());
        let mut under = self.under.get();
        while let Some(layer) = under {
            joined = Cow::Owned(join(layer.own.get(), &joined));
            under = layer.under.get();
        }
        joined
    }

    /// All attributes of `self` and of `above`, which wins, as far down as `end`.
    fn join_under(
        &self,
        mut above: Cow<'_, [Attr<'a>]>,
        end: Option<&'a Attrs<'a>>,
        arena: &'a Bump,
    ) -> &'a [Attr<'a>] {
        let mut layer = Some(self);
        while let Some(below) = layer
            && end.is_none_or(|end| !std::ptr::eq(below, end))
        {
            above = Cow::Owned(join(below.own.get(), &above));
            layer = below.under.get();
        }
        // Only what is left in the end goes to the arena, and with nothing to spare.
        arena.alloc_slice_copy(&above)
    }

    /// All attributes, sorted by symbol, if they lie in one layer.
    pub fn single_layer(&self) -> Option<&'a [Attr<'a>]> {
        self.under.get().is_none().then(|| self.own.get())
    }

    /// Whether `holds` holds for all names. It may be asked about one more than once.
    pub fn all_names(&self, holds: impl Fn(Symbol) -> bool) -> bool {
        let all_own = self.own.get().iter().all(|attr| holds(attr.name));
        all_own && self.under.get().is_none_or(|under| under.all_names(holds))
    }

    /// A number that is not smaller than that of the attributes, for choosing between ways to go.
    pub fn len_at_most(&self) -> usize {
        self.layers().1
    }

    /// Whether the set has no attribute.
    pub fn is_empty(&self) -> bool {
        self.own.get().is_empty() && self.under.get().is_none_or(|under| under.is_empty())
    }

    /// The number of layers, and of attributes in them.
    fn layers(&self) -> (usize, usize) {
        let (layers, attrs) = self.under.get().map_or((0, 0), |under| under.layers());
        (layers + 1, attrs + self.own.get().len())
    }

    /// `self // over`
    pub fn update(&'a self, over: &'a Attrs<'a>, arena: &'a Bump) -> &'a Attrs<'a> {
        if over.is_empty() {
            return self;
        }
        if self.is_empty() {
            return over;
        }
        let (layers, attrs) = self.layers();
        let (mut layers_above, above) = over.layers();
        if attrs + above <= LAYER_LEAST {
            let joined = self.join_under(Cow::Borrowed(over.all(arena)), None, arena);
            return arena.alloc(Attrs::from_sorted(joined));
        }
        if above < LARGE {
            over.all(arena);
            layers_above = 1;
        }
        let laid = over.laid_over(self, arena);
        if layers + layers_above <= LAYERS { laid } else { laid.with_fewer_layers(arena) }
    }

    /// The layers of `self` over those of another set.
    fn laid_over(&self, under: &'a Attrs<'a>, arena: &'a Bump) -> &'a Attrs<'a> {
        let under = self.under.get().map_or(under, |next| next.laid_over(under, arena));
        arena.alloc(Attrs { own: self.own.clone(), under: Cell::new(Some(under)) })
    }

    /// The same set with layers joined: the uppermost ones, until there are few enough and the next is much larger than
    /// what was joined. Copying a large set because of a small one that is laid over it would cost the most.
    fn with_fewer_layers(&'a self, arena: &'a Bump) -> &'a Attrs<'a> {
        let (mut layers, _) = self.layers();
        let mut size = self.own.get().len();
        let mut rest = self.under.get();
        while let Some(layer) = rest
            && (layers > LAYERS / 2 || layer.own.get().len() < 2 * size)
        {
            size += layer.own.get().len();
            layers -= 1;
            rest = layer.under.get();
        }
        let joined = match self.under.get() {
            Some(under) => under.join_under(Cow::Borrowed(self.own.get()), rest, arena),
            None => self.own.get(),
        };
        arena.alloc(Attrs { own: Cell::new(joined), under: Cell::new(rest) })
    }
}

/// Two sorted slices as one; `above` wins.
fn join<'a>(mut below: &[Attr<'a>], mut above: &[Attr<'a>]) -> Vec<Attr<'a>> {
    let mut joined = Vec::with_capacity(below.len() + above.len());
    if above.len() * 8 < below.len() {
        // A few over many: what lies between them is copied in whole runs.
        for high in above {
            let (before, rest) = below.split_at(below.partition_point(|low| low.name < high.name));
            joined.extend_from_slice(before);
            joined.push(*high);
            below = match rest.split_first() {
                Some((same, after)) if same.name == high.name => after,
                _ => rest,
            };
        }
        above = &[];
    }
    while let (Some((low, lower)), Some((high, upper))) = (below.split_first(), above.split_first()) {
        let wins = high.name <= low.name;
        joined.push(if wins { *high } else { *low });
        if low.name <= high.name {
            below = lower;
        }
        if wins {
            above = upper;
        }
    }
    joined.extend_from_slice(below);
    joined.extend_from_slice(above);
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn set<'a>(arena: &'a Bump, names: &[u32], value: i64) -> &'a Attrs<'a> {
        let attrs = names
            .iter()
            .map(|name| Attr {
                name: Symbol(*name),
                position: Position::NONE,
                value: arena.alloc(Cell::new(Value::Int(value))),
            })
            .collect();
        Attrs::from_unsorted(arena, attrs)
    }

    fn get(set: &Attrs<'_>, name: u32) -> Option<i64> {
        set.get(Symbol(name)).map(|attr| match attr.value.get() {
            Value::Int(number) => number,
            _ => -1,
        })
    }

    #[test]
    fn large_layers_stay_as_they_are() {
        let arena = Bump::new();
        let large: Vec<u32> = (0..1000).collect();
        let other: Vec<u32> = (500..900).collect();
        let base = set(&arena, &large, 0);
        let mut current = base.update(set(&arena, &other, 1).update(set(&arena, &[600], 2), &arena), &arena);
        for round in 0..100 {
            current = current.update(set(&arena, &[round, 2000 + round], 3), &arena);
            assert!(current.layers().0 <= LAYERS);
            let mut lowest = current;
            while let Some(under) = lowest.under.get() {
                lowest = under;
            }
            assert!(std::ptr::eq(lowest.own.get(), base.own.get()), "the largest was copied");
        }
        for (name, value) in [(7, Some(3)), (100, Some(0)), (600, Some(2)), (601, Some(1)), (950, Some(0))] {
            assert_eq!(get(current, name), value);
        }
        assert_eq!(get(current, 2099), Some(3));
        assert_eq!(get(current, 2100), None);
        assert_eq!(current.joined().len(), 1100);
    }

    #[test]
    fn layers_answer_as_joined_sets_do() {
        let arena = Bump::new();
        let mut names: Vec<u32> = (0..100).collect();
        let mut current = set(&arena, &names, 0);
        for round in 1..20 {
            let over = set(&arena, &[round, 50, 100 + round], i64::from(round));
            current = current.update(over, &arena);
            names.push(100 + round);
            assert_eq!(get(current, 50), Some(i64::from(round)));
            assert_eq!(get(current, round), Some(i64::from(round)));
            assert_eq!(get(current, 99), Some(0));
            assert_eq!(get(current, 200), None);
        }
        let all: Vec<u32> = current.all(&arena).iter().map(|attr| attr.name.0).collect();
        assert_eq!(all, names);
        assert_eq!(get(current, 3), Some(3));
    }
}
