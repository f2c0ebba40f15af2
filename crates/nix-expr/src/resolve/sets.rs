//! Attribute sets and `let`.

use bumpalo::collections::Vec;

use super::{Pass, Result, undefined};
use crate::ir::{self, Expr, Scope};
use crate::symbol::known;
use crate::syntax::ast::{Ast, AttrSet, AttrValue, SetId};

impl<'t, 'a> Pass<'_, 't, 'a> {
    pub(super) fn let_in(&mut self, set: SetId, body: &'t Ast<'t>) -> Result<Expr<'a>> {
        let (bindings, body) = self.bindings(self.tree.set(set), true, |pass| pass.expression(body))?;
        Ok(Expr::Let(self.alloc(ir::Let { bindings, body })))
    }

    pub(super) fn attributes<T>(
        &mut self,
        set: &'t AttrSet<'t>,
        inside: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<(ir::Attributes<'a>, T)> {
        self.bindings(set, set.recursive, inside)
    }

    /// Lowers a set, and runs `inside` where its names are visible if it is recursive.
    fn bindings<T>(
        &mut self,
        set: &'t AttrSet<'t>,
        recursive: bool,
        inside: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<(ir::Attributes<'a>, T)> {
        let mut attrs = Vec::with_capacity_in(set.attrs.len(), self.scratch);
        attrs.extend_from_slice(&set.attrs);
        attrs.sort_unstable_by_key(|attr| attr.name);
        // `inherit name;` means the name outside, so it is resolved before the set's own names are bound.
        let mut outer = Vec::new_in(self.scratch);
        for attr in attrs.iter().filter(|attr| matches!(attr.value, AttrValue::Inherited)) {
            let variable = self.variable(attr.name, attr.position)?;
            outer.push(self.delay(variable));
        }
        let lower = |pass: &mut Self| {
            let mut outer = outer.into_iter();
            let sources = pass.slice(&set.sources, |pass, source| pass.lazy(source))?;
            // `__overrides` may replace any slot later.
            let overridden = attrs.iter().any(|attr| attr.name == known::OVERRIDES);
            let attributes = pass.slice(attrs.iter().enumerate(), |pass, (place, attr)| {
                let shared = if overridden { 0 } else { place };
                let (value, scope) = match attr.value {
                    AttrValue::Plain(ast) if recursive => (pass.lazy_binding(ast, shared)?, Scope::Own),
                    AttrValue::Plain(ast) => (pass.lazy(ast)?, Scope::Own),
                    AttrValue::Inherited => match outer.next() {
                        Some(value) => (value, Scope::Outer),
                        None => return undefined(attr.name, attr.position, std::vec::Vec::new()),
                    },
                    AttrValue::From(slot) => {
                        let (name, position) = (attr.name, attr.position);
                        let expr = Expr::FromSource(pass.alloc(ir::FromSource { slot, name, position }));
                        (pass.delay(expr), Scope::Sources)
                    }
                };
                Ok(ir::Attribute { name: attr.name, position: attr.position, value, scope })
            })?;
            let dynamic = pass.slice(&set.dynamic, |pass, attr| {
                let name = pass.expression(attr.name)?;
                Ok(ir::DynamicAttribute { name, position: attr.position, value: pass.lazy(attr.value)? })
            })?;
            let inner = inside(pass)?;
            Ok((sources, attributes, dynamic, inner))
        };
        let (sources, attributes, dynamic, inner) =
            if recursive { self.scoped(attrs.iter().map(|attr| attr.name), lower)? } else { lower(self)? };
        let overrides = recursive
            .then(|| attributes.iter().position(|attr| attr.name == known::OVERRIDES))
            .flatten()
            .map(|place| place as u32);
        let attributes = ir::Attributes { recursive, attributes, dynamic, sources, overrides };
        Ok((attributes, inner))
    }
}
