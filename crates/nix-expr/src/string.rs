//! Strings and what they depend on.
//!
//! A string remembers the store paths that went into it. Most strings have no context and most contexts recur, so a
//! context is a number of a hash-consed set, and unions are remembered.

use std::cell::RefCell;

use bumpalo::Bump;
use rustc_hash::FxHashMap;

use crate::hint::Hint;
use crate::symbol::Symbol;

/// A byte string with its context. Strings of the language are bytes, not text, and hold no NUL.
#[derive(Debug)]
pub struct NixString<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// What the string depends on.
    pub context: ContextId,
    /// The number of the bytes' symbol, or of [`Symbol::UNKNOWN`] if it was not looked up yet.
    pub(crate) symbol: Hint,
}

impl<'a> NixString<'a> {
    /// A string.
    pub fn new(bytes: &'a [u8], context: ContextId) -> Self {
        NixString { bytes, context, symbol: Hint::new(Symbol::UNKNOWN.0) }
    }
}

const _: () = assert!(std::mem::size_of::<NixString<'static>>() == 24, "there are hundreds of thousands");

/// The number of a context in its [`ContextTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ContextId(u32);

impl ContextId {
    /// The context of a string that depends on nothing.
    pub const EMPTY: ContextId = ContextId(0);

    /// Whether the string depends on nothing.
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }
}

/// Contexts of which one is to be made when all are known: a text of a hundred parts that depend on a hundred things has
/// one context in the end, and not one for each part that it grows by.
#[derive(Debug, Default)]
pub struct ContextUnion {
    first: ContextId,
    others: Vec<ContextId>,
}

impl ContextUnion {
    /// Takes a context in.
    pub fn add(&mut self, context: ContextId) {
        if context.is_empty() || context == self.first || self.others.last() == Some(&context) {
            return;
        }
        match self.first.is_empty() {
            true => self.first = context,
            false => self.others.push(context),
        }
    }

    /// Whether nothing depends on anything so far.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
}

impl FromIterator<ContextId> for ContextUnion {
    fn from_iter<I: IntoIterator<Item = ContextId>>(contexts: I) -> Self {
        let mut union = ContextUnion::default();
        contexts.into_iter().for_each(|context| union.add(context));
        union
    }
}

/// One thing that a string depends on. Paths are printed store paths, such as `/nix/store/HASH-NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContextElement<'a> {
    /// A store path as it is.
    Path(&'a str),
    /// A derivation with its whole closure, outputs included: what `drvPath` carries.
    DerivationDeep(&'a str),
    /// An output of a derivation: what `outPath` carries.
    Output {
        /// Path of the `.drv` file.
        derivation: &'a str,
        /// Name of the output.
        output: &'a str,
    },
}

/// The contexts of one evaluation.
pub struct ContextTable<'a> {
    arena: &'a Bump,
    inner: RefCell<Inner<'a>>,
}

#[derive(Default)]
struct Inner<'a> {
    elements: Vec<ContextElement<'a>>,
    element_numbers: FxHashMap<ContextElement<'a>, u32>,
    /// Sorted element numbers.
    sets: Vec<&'a [u32]>,
    set_numbers: FxHashMap<&'a [u32], ContextId>,
    /// Of what two contexts, the smaller number first, become one.
    pairs: FxHashMap<(ContextId, ContextId), ContextId>,
}

impl Inner<'_> {
    /// The sorted numbers of all elements of a union.
    fn numbers(&self, union: &ContextUnion) -> Vec<u32> {
        let mut contexts = [&[union.first], union.others.as_slice()].concat();
        contexts.sort_unstable();
        contexts.dedup();
        let mut numbers: Vec<u32> =
            contexts.iter().flat_map(|context| self.sets[context.0 as usize]).copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

impl<'a> ContextTable<'a> {
    /// A table that holds the empty context only.
    pub fn new(arena: &'a Bump) -> Self {
        let mut inner = Inner::default();
        inner.sets.push(&[]);
        inner.set_numbers.insert(&[], ContextId::EMPTY);
        ContextTable { arena, inner: RefCell::new(inner) }
    }

    /// The context of one element.
    pub fn single(&self, element: ContextElement<'_>) -> ContextId {
        let number = self.element(element);
        self.set(&[number])
    }

    fn element(&self, element: ContextElement<'_>) -> u32 {
        let mut inner = self.inner.borrow_mut();
        // The key's lifetime is that of the arena; a shorter one serves to look it up.
        let known: &FxHashMap<ContextElement<'_>, u32> = &inner.element_numbers;
        if let Some(number) = known.get(&element) {
            return *number;
        }
        let copy = |text: &str| -> &'a str { self.arena.alloc_str(text) };
        let owned = match element {
            ContextElement::Path(path) => ContextElement::Path(copy(path)),
            ContextElement::DerivationDeep(path) => ContextElement::DerivationDeep(copy(path)),
            ContextElement::Output { derivation, output } => {
                ContextElement::Output { derivation: copy(derivation), output: copy(output) }
            }
        };
        let number = inner.elements.len() as u32;
        inner.elements.push(owned);
        inner.element_numbers.insert(owned, number);
        number
    }

    fn set(&self, numbers: &[u32]) -> ContextId {
        let mut inner = self.inner.borrow_mut();
        if let Some(context) = inner.set_numbers.get(numbers) {
            return *context;
        }
        let context = ContextId(inner.sets.len() as u32);
        let numbers: &'a [u32] = self.arena.alloc_slice_copy(numbers);
        inner.sets.push(numbers);
        inner.set_numbers.insert(numbers, context);
        context
    }

    /// The context of several elements.
    pub fn of_elements<'e>(&self, elements: impl IntoIterator<Item = ContextElement<'e>>) -> ContextId {
        let mut numbers: Vec<u32> = elements.into_iter().map(|element| self.element(element)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        self.set(&numbers)
    }

    /// The context of all that were taken into a union.
    pub fn of(&self, union: &ContextUnion) -> ContextId {
        let pair = match *union.others.as_slice() {
            [] => return union.first,
            [second] => Some((union.first.min(second), union.first.max(second))),
            _ => None,
        };
        if let Some(pair) = pair
            && let Some(context) = self.inner.borrow().pairs.get(&pair)
        {
            return *context;
        }
        let numbers = self.inner.borrow().numbers(union);
        let context = self.set(&numbers);
        if let Some(pair) = pair {
            self.inner.borrow_mut().pairs.insert(pair, context);
        }
        context
    }

    /// The elements of a context, in no meaningful order.
    pub fn elements(&self, context: ContextId) -> Vec<ContextElement<'a>> {
        self.elements_of(&ContextUnion { first: context, others: Vec::new() })
    }

    /// The elements of all contexts of a union, each once, in no meaningful order.
    pub fn elements_of(&self, union: &ContextUnion) -> Vec<ContextElement<'a>> {
        let inner = self.inner.borrow();
        inner.numbers(union).iter().map(|number| inner.elements[*number as usize]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_contexts_have_one_number() {
        let arena = Bump::new();
        let table = ContextTable::new(&arena);
        let a = table.single(ContextElement::Path("/a"));
        let b = table.single(ContextElement::Output { derivation: "/b.drv", output: "out" });
        let union = |contexts: &[ContextId]| table.of(&contexts.iter().copied().collect());
        let ab = union(&[a, b]);
        assert_eq!(ab, union(&[b, a]));
        assert_eq!(ab, union(&[a, ab, b, a]));
        assert_eq!(union(&[ab, a]), ab);
        assert_eq!(union(&[ContextId::EMPTY, a]), a);
        assert_eq!(union(&[]), ContextId::EMPTY);
        assert_eq!(
            table.of_elements([
                ContextElement::Output { derivation: "/b.drv", output: "out" },
                ContextElement::Path("/a")
            ]),
            ab
        );
        assert_eq!(table.elements(ab).len(), 2);
    }
}
