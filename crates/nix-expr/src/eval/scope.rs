//! Texts with variables of the caller's own, for the repl.

use std::cell::Cell;

use super::Evaluator;
use crate::error::Error;
use crate::position::Origin;
use crate::symbol::Symbol;
use crate::value::{Environment, Slot, Value, Variables};

impl<'a> Evaluator<'a> {
    /// A slot that evaluates a text when it is needed. The text is parsed at once.
    pub(crate) fn delayed_text(
        &self,
        text: &[u8],
        name: &str,
        directory: &[u8],
        variables: &[(Symbol, &'a Slot<'a>)],
    ) -> Result<&'a Slot<'a>, Error> {
        let names: Vec<Symbol> = variables.iter().map(|(name, _)| *name).collect();
        let slots = self.arena.alloc_slice_fill_iter(variables.iter().map(|(_, slot)| Cell::new(*slot)));
        let environment = self.arena.alloc(Environment { up: None, slots: Variables::Many(slots) });
        let code = self.parse(text, Origin::Text(name), directory, &names)?;
        Ok(self.slot(Value::Thunk(code, environment)))
    }
}
