//! Functions and their parameters.

use bumpalo::collections::Vec;

use super::{Pass, Result};
use crate::ir::{self, Expr, Parameters};
use crate::syntax::ast::{self, Ast};

/// Functions of more parameters are several functions.
const PARAMETERS_MOST: usize = 8;

impl<'t, 'a> Pass<'_, 't, 'a> {
    pub(super) fn lambda(&mut self, lambda: &'t ast::Lambda<'t>) -> Result<Expr<'a>> {
        let (parameters, body) = match &lambda.formals {
            Some(formals) => self.formals(lambda, formals)?,
            None => self.chain(lambda)?,
        };
        let number = self.code.lambdas.len();
        let (position, name) = (lambda.position, lambda.name.get());
        self.code.lambdas.push(self.arena.alloc(ir::Lambda { position, name, parameters, body }));
        Ok(Expr::Lambda(number))
    }

    /// `x: y: …`
    fn chain(&mut self, first: &'t ast::Lambda<'t>) -> Result<(Parameters<'a>, Expr<'a>)> {
        let mut names = Vec::new_in(self.scratch);
        names.extend(first.argument.map(|name| (name, first.position)));
        let mut body = first.body;
        while let Ast::Lambda(ast::Lambda {
            argument: Some(name), formals: None, position, body: next, ..
        }) = body
            && names.len() < PARAMETERS_MOST
            && names.iter().all(|(known, _)| known != name)
        {
            names.push((*name, *position));
            body = next;
        }
        let body = self.scoped(names.iter().map(|(name, _)| *name), |pass| pass.expression(body))?;
        Ok((Parameters::Names(self.arena.alloc_slice_copy(&names)), body))
    }

    /// `{ … }: …`
    fn formals(
        &mut self,
        lambda: &'t ast::Lambda<'t>,
        formals: &'t ast::Formals<'t>,
    ) -> Result<(Parameters<'a>, Expr<'a>)> {
        let mut sorted = Vec::with_capacity_in(formals.list.len(), self.scratch);
        sorted.extend(formals.list);
        sorted.sort_unstable_by_key(|formal| formal.name);
        let names = lambda.argument.into_iter().chain(sorted.iter().map(|formal| formal.name));
        let (list, body) = self.scoped(names, |pass| {
            let offset = usize::from(lambda.argument.is_some());
            let list = pass.slice(sorted.iter().enumerate(), |pass, (place, formal)| {
                let default = formal.default.map(|default| pass.lazy_binding(default, offset + place));
                Ok(ir::Formal { name: formal.name, position: formal.position, default: default.transpose()? })
            })?;
            Ok((list, pass.expression(lambda.body)?))
        })?;
        let formals = ir::Formals { list, ellipsis: formals.ellipsis };
        Ok((Parameters::Set { argument: lambda.argument, formals }, body))
    }
}
