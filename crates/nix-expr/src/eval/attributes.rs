//! Attribute sets and `let`.

use std::cell::Cell;

use super::{Evaluated, Evaluator};
use crate::attrs::{Attr, Attrs};
use crate::error::{Error, ErrorKind};
use crate::ir::{Attribute, Attributes, Lazy, Scope};
use crate::position::Position;
use crate::value::{Environment, Slot, Value, Variables};

impl<'a> Evaluator<'a> {
    /// The environment of the sources of `inherit (source) …;`, or the one around where there are none.
    fn source_scope(
        &self,
        attributes: &'a Attributes<'a>,
        environment: &'a Environment<'a>,
    ) -> Result<&'a Environment<'a>, Error> {
        if attributes.sources.is_empty() {
            return Ok(environment);
        }
        let mut slots = bumpalo::collections::Vec::with_capacity_in(attributes.sources.len(), self.arena);
        for source in attributes.sources {
            slots.push(Cell::new(self.delay(*source, environment)?));
        }
        Ok(self
            .arena
            .alloc(Environment { up: Some(environment), slots: Variables::Many(slots.into_bump_slice()) }))
    }

    /// The environment of a recursive set, and its slots in the order of its attributes.
    pub(super) fn recursive_scope(
        &self,
        attributes: &'a Attributes<'a>,
        environment: &'a Environment<'a>,
    ) -> Result<(&'a Environment<'a>, &'a [Cell<&'a Slot<'a>>]), Error> {
        let delayed = |attribute: &&Attribute<'a>| {
            attribute.scope != Scope::Outer && matches!(attribute.value, Lazy::Delayed(_))
        };
        // Variables that are another's value by another name need no slot of their own.
        let count = attributes.attributes.iter().filter(delayed).count();
        let slots: &'a [Slot<'a>] = self.arena.alloc_slice_fill_with(count, |_| Cell::new(Value::Blackhole));
        let mut own = slots.iter();
        let variables: &'a [Cell<&'a Slot<'a>>] =
            self.arena.alloc_slice_fill_iter(attributes.attributes.iter().map(|attribute| {
                let slot = if delayed(&attribute) { own.next() } else { None };
                Cell::new(slot.unwrap_or(self.null_slot))
            }));
        let inner: &'a Environment<'a> =
            self.arena.alloc(Environment { up: Some(environment), slots: Variables::Many(variables) });
        // Every variable has its slot before anything may refer to it.
        for (attribute, variable) in attributes.attributes.iter().zip(variables) {
            match (attribute.scope, attribute.value) {
                (Scope::Outer, value) => variable.set(self.delay(value, environment)?),
                (_, Lazy::Delayed(_)) => {}
                (_, value) => variable.set(self.delay(value, inner)?),
            }
        }
        let sources = self.source_scope(attributes, inner)?;
        for (attribute, variable) in attributes.attributes.iter().zip(variables) {
            if let (Scope::Own | Scope::Sources, Lazy::Delayed(id)) = (attribute.scope, attribute.value) {
                let scope = if attribute.scope == Scope::Own { inner } else { sources };
                variable.get().set(Value::Thunk(id, scope));
            }
        }
        Ok((inner, variables))
    }

    #[inline(never)]
    pub(super) fn eval_attributes(
        &self,
        attributes: &'a Attributes<'a>,
        environment: &'a Environment<'a>,
    ) -> Evaluated<'a> {
        let mut attrs = bumpalo::collections::Vec::with_capacity_in(attributes.attributes.len(), self.arena);
        let mut inner = environment;
        if attributes.recursive {
            let (scope, variables) = self.recursive_scope(attributes, environment)?;
            inner = scope;
            for (attribute, variable) in attributes.attributes.iter().zip(variables) {
                attrs.push(Attr {
                    name: attribute.name,
                    position: attribute.position,
                    value: variable.get(),
                });
            }
            if let Some(place) = attributes.overrides {
                return self.with_overrides(attributes, attrs.into_bump_slice(), variables, place, inner);
            }
        } else {
            let sources = self.source_scope(attributes, environment)?;
            for attribute in attributes.attributes {
                let scope = if attribute.scope == Scope::Sources { sources } else { environment };
                let value = self.delay(attribute.value, scope)?;
                attrs.push(Attr { name: attribute.name, position: attribute.position, value });
            }
        }
        let attrs = attrs.into_bump_slice();
        self.with_dynamic(attributes, attrs, inner)
    }

    /// `__overrides` of a recursive set replaces and adds attributes, and the others see the replacements.
    fn with_overrides(
        &self,
        attributes: &'a Attributes<'a>,
        attrs: &'a [Attr<'a>],
        variables: &'a [Cell<&'a Slot<'a>>],
        place: u32,
        inner: &'a Environment<'a>,
    ) -> Evaluated<'a> {
        let overrides = &attrs[place as usize];
        let overrides = self.in_context(
            self.force_attrs(overrides.value, overrides.position),
            overrides.position,
            "while evaluating the `__overrides` attribute",
        )?;
        for attr in overrides.all(self.arena) {
            if let Ok(place) = attrs.binary_search_by_key(&attr.name, |attr| attr.name) {
                variables[place].set(attr.value);
            }
        }
        let set: &'a Attrs<'a> = self.arena.alloc(Attrs::from_sorted(attrs));
        self.with_dynamic(attributes, set.update(overrides, self.arena).all(self.arena), inner)
    }

    /// Adds the attributes whose names are computed.
    fn with_dynamic(
        &self,
        attributes: &'a Attributes<'a>,
        attrs: &'a [Attr<'a>],
        inner: &'a Environment<'a>,
    ) -> Evaluated<'a> {
        if attributes.dynamic.is_empty() {
            return Ok(Value::Attrs(self.arena.alloc(Attrs::from_sorted(attrs))));
        }
        let mut all =
            bumpalo::collections::Vec::with_capacity_in(attrs.len() + attributes.dynamic.len(), self.arena);
        all.extend_from_slice_copy(attrs);
        for attribute in attributes.dynamic {
            let name = self.eval(attribute.name, inner)?;
            if let Value::Null = name {
                continue;
            }
            let name = self.in_context(
                self.expect_name(name, attribute.position),
                attribute.position,
                "while evaluating the name of a dynamic attribute",
            )?;
            let place = match all.binary_search_by_key(&name, |attr| attr.name) {
                Err(place) => place,
                Ok(same) => return self.defined_twice(&all[same], attribute.position),
            };
            let value = self.delay(attribute.value, inner)?;
            all.insert(place, Attr { name, position: attribute.position, value });
        }
        Ok(Value::Attrs(self.arena.alloc(Attrs::from_sorted(all.into_bump_slice()))))
    }

    #[cold]
    fn defined_twice<T>(&self, first: &Attr<'a>, position: Position) -> Result<T, Error> {
        let place = self.sources.locate(first.position).map(|place| format!(" at line {}", place.line));
        let message = format!(
            "dynamic attribute '{}' already defined{}",
            String::from_utf8_lossy(self.symbols.name(first.name)),
            place.unwrap_or_default()
        );
        self.fail(ErrorKind::Value, position, message)
    }
}
