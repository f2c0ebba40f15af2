//! Attribute paths: `a.b.c = 1;` makes and joins nested sets while parsing.

use super::{Result, SyntaxError};
use bumpalo::Bump;
use bumpalo::collections::Vec;

use super::ast::{Ast, Attr, AttrName, AttrSet, AttrValue, DynamicAttr, SetId};
use crate::position::Position;
use crate::symbol::{Symbol, SymbolTable};

/// From this many attributes on, a set is searched by hash.
const INDEXED_FROM: usize = 12;

impl<'s> AttrSet<'s> {
    fn new(position: Position, alloc: &'s Bump) -> Self {
        AttrSet {
            position,
            recursive: false,
            attrs: Vec::new_in(alloc),
            index: None,
            dynamic: Vec::new_in(alloc),
            sources: Vec::new_in(alloc),
        }
    }

    /// The place of an attribute in [`AttrSet::attrs`].
    pub(super) fn find(&self, name: Symbol) -> Option<usize> {
        if self.attrs.len() < INDEXED_FROM {
            self.attrs.iter().position(|attr| attr.name == name)
        } else {
            self.index.as_ref()?.get(&name).map(|index| *index as usize)
        }
    }

    pub(super) fn push(&mut self, attr: Attr<'s>) {
        let place = self.attrs.len();
        self.attrs.push(attr);
        if place + 1 == INDEXED_FROM {
            let index = self.attrs.iter().enumerate().map(|(i, attr)| (attr.name, i as u32)).collect();
            self.index = Some(Box::new(index));
        } else if let Some(index) = &mut self.index {
            index.insert(attr.name, place as u32);
        }
    }
}

/// The sets of the text that is being parsed.
pub(super) struct Sets<'s, 'p> {
    pub(super) sets: std::vec::Vec<AttrSet<'s>>,
    pub(super) symbols: &'p SymbolTable,
    pub(super) alloc: &'s Bump,
}

impl<'s> Sets<'s, '_> {
    pub(super) fn create(&mut self, position: Position) -> SetId {
        let id = SetId(self.sets.len() as u32);
        self.sets.push(AttrSet::new(position, self.alloc));
        id
    }

    pub(super) fn get(&mut self, id: SetId) -> &mut AttrSet<'s> {
        &mut self.sets[id.0 as usize]
    }

    pub(super) fn duplicate<T>(&self, path: &[Symbol], position: Position) -> Result<T> {
        let mut name = String::new();
        for symbol in path {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(&String::from_utf8_lossy(self.symbols.name(*symbol)));
        }
        SyntaxError::new(format!("attribute '{name}' is already defined"), position)
    }

    /// `path = value;` in a set.
    pub(super) fn add(&mut self, set: SetId, path: &[AttrName<'s>], value: &'s Ast<'s>) -> Result<()> {
        let mut current = set;
        let mut names = Vec::with_capacity_in(path.len(), self.alloc);
        let Some((last, ancestors)) = path.split_last() else { return Ok(()) };
        for name in ancestors {
            match *name {
                AttrName::Static(symbol, position) => {
                    names.push(symbol);
                    current = match self.get(current).find(symbol) {
                        Some(place) => match self.get(current).attrs[place].value {
                            AttrValue::Plain(&Ast::Attrs(nested)) => nested,
                            _ => return self.duplicate(&names, position),
                        },
                        None => {
                            let nested = self.create(position);
                            let value = AttrValue::Plain(self.alloc.alloc(Ast::Attrs(nested)));
                            self.get(current).push(Attr { name: symbol, position, value });
                            nested
                        }
                    };
                }
                AttrName::Dynamic(name, position) => {
                    let nested = self.create(position);
                    let value = self.alloc.alloc(Ast::Attrs(nested));
                    self.get(current).dynamic.push(DynamicAttr { name, position, value });
                    current = nested;
                }
            }
        }
        match *last {
            AttrName::Static(symbol, position) => self.insert(
                current,
                &mut names,
                Attr { name: symbol, position, value: AttrValue::Plain(value) },
            ),
            AttrName::Dynamic(name, position) => {
                self.get(current).dynamic.push(DynamicAttr { name, position, value });
                Ok(())
            }
        }
    }

    /// Adds an attribute; two sets of the same name are joined. A `rec` of the set that comes later is lost, one of the
    /// set that was there first holds for all: that is how the language is.
    fn insert(&mut self, set: SetId, path: &mut Vec<'s, Symbol>, attr: Attr<'s>) -> Result<()> {
        path.push(attr.name);
        match self.get(set).find(attr.name) {
            None => {
                if let AttrValue::Plain(Ast::Lambda(lambda)) = attr.value
                    && lambda.name.get().is_none()
                {
                    lambda.name.set(Some(attr.name));
                }
                self.get(set).push(attr);
            }
            Some(place) => {
                let here = self.get(set).attrs[place].value;
                let (AttrValue::Plain(&Ast::Attrs(target)), AttrValue::Plain(&Ast::Attrs(source))) =
                    (here, attr.value)
                else {
                    return self.duplicate(path, attr.position);
                };
                let taken = AttrSet::new(attr.position, self.alloc);
                let source = std::mem::replace(self.get(source), taken);
                let shift = self.get(target).sources.len() as u32;
                self.get(target).sources.extend(source.sources);
                for mut attr in source.attrs {
                    if let AttrValue::From(index) = &mut attr.value {
                        *index += shift;
                    }
                    self.insert(target, path, attr)?;
                }
                self.get(target).dynamic.extend(source.dynamic);
            }
        }
        path.pop();
        Ok(())
    }
}
