//! Derivations of a flake, each remembered from one run to the next, and hosts that are alike evaluated together.

use nix_expr::{EvalError, EvaluationPool, Observer, Settings, ValueRef, evaluate_in};
use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    DerivationGraph, Evaluated, Evaluation, Selected, Target, flake_settings, flake_value, host_set,
    reachable, world,
};
use crate::commands::Session;
use crate::failure::Failure;
use crate::stages::evaluation_cache::EvaluationCache;
use crate::stages::flake::ReadyFlake;
use crate::stages::world::World;

/// Evaluates something of a flake in a world that `observer` looks at.
fn with_flake<T: Send>(
    session: &Session,
    flake: &ReadyFlake,
    pool: &EvaluationPool,
    world: &World<'_>,
    observer: &Observer<'_>,
    body: impl for<'s, 'a> FnOnce(&'s Evaluation<'a>, ValueRef<'a>) -> Result<T, EvalError> + Send,
) -> Result<T, Failure> {
    let result = evaluate_in(pool, &flake_settings(session, flake), observer, |evaluation| {
        body(evaluation, flake_value(evaluation, flake)?)
    });
    result.map_err(|error| world.explain(error).into())
}

/// For each of `items` the derivations that `wanted` selects from the flake, and what else it finds out, in their order.
///
/// What has a `key` is remembered under it, with all that its evaluation depended on; an equal key must stand for an equal
/// wish. Items whose `host` is given are about that host of the flake, and hosts that are alike are evaluated together; all
/// others have evaluations of their own. So no more memory is needed than for those that run at once, one on each
/// processor.
pub fn derivations<I: Sync, T: Send + Serialize + DeserializeOwned>(
    session: &Session,
    flake: &ReadyFlake,
    items: &[I],
    key: impl Fn(&I) -> Option<String> + Sync,
    host: impl Fn(&I) -> Option<String> + Sync,
    wanted: impl for<'s, 'a> Fn(&'s Evaluation<'a>, ValueRef<'a>, &I) -> Result<(Selected<'a>, T), EvalError>
    + Sync,
) -> Result<(Evaluated, Vec<T>), Failure> {
    let mut all = Evaluated::default();
    let mut found = Vec::with_capacity(items.len());
    for result in derivations_each(session, flake, items, key, host, wanted) {
        let (evaluated, other) = result?;
        all.extend(evaluated);
        found.push(other);
    }
    Ok((all, found))
}

/// As [`derivations`], with a result for each item, so that one that does not evaluate holds up no other.
pub fn derivations_each<I: Sync, T: Send + Serialize + DeserializeOwned>(
    session: &Session,
    flake: &ReadyFlake,
    items: &[I],
    key: impl Fn(&I) -> Option<String> + Sync,
    host: impl Fn(&I) -> Option<String> + Sync,
    wanted: impl for<'s, 'a> Fn(&'s Evaluation<'a>, ValueRef<'a>, &I) -> Result<(Selected<'a>, T), EvalError>
    + Sync,
) -> Vec<Result<(Evaluated, T), Failure>> {
    let pool = EvaluationPool::default();
    let known: Vec<_> = items.par_iter().map(|item| recalled(session, flake, &pool, key(item))).collect();
    let mut results: Vec<_> = known.into_iter().map(|known| known.map(Ok)).collect();
    let open: Vec<usize> = (0..items.len()).filter(|index| results[*index].is_none()).collect();
    let groups = alike(session, flake, &pool, items, &open, &host);
    let evaluated: Vec<_> = groups
        .par_iter()
        .map(|group| {
            let items: Vec<&I> = group.iter().map(|index| &items[*index]).collect();
            together(session, flake, &pool, &items, &key, &host, &wanted)
        })
        .collect();
    for (index, result) in groups.into_iter().flatten().zip(evaluated.into_iter().flatten()) {
        results[index] = Some(result);
    }
    results.into_iter().flatten().collect()
}

/// As [`derivations`], for one thing.
pub fn derivations_of_one<T: Send + Serialize + DeserializeOwned>(
    session: &Session,
    flake: &ReadyFlake,
    key: Option<String>,
    wanted: impl for<'s, 'a> Fn(&'s Evaluation<'a>, ValueRef<'a>) -> Result<(Selected<'a>, T), EvalError> + Sync,
) -> Result<(Evaluated, T), Failure> {
    let pool = EvaluationPool::default();
    if let Some(known) = recalled(session, flake, &pool, key.clone()) {
        return Ok(known);
    }
    alone(session, flake, &pool, &(), &|()| key.clone(), &|evaluation, value, ()| wanted(evaluation, value))
}

/// Where a result is kept from one run to the next.
fn cache<'f>(session: &Session, flake: &'f ReadyFlake, key: Option<String>) -> Option<EvaluationCache<'f>> {
    let key = key.filter(|_| session.configuration.evaluation_cache)?;
    Some(EvaluationCache::of_flake(session, flake, &key))
}

/// The result of an earlier run.
fn recalled<T: DeserializeOwned>(
    session: &Session,
    flake: &ReadyFlake,
    pool: &EvaluationPool,
    key: Option<String>,
) -> Option<(Evaluated, T)> {
    let cache = cache(session, flake, key)?;
    let world = world(session, flake, pool);
    cache.recall(&world, world.store().as_ref())
}

/// The items with these indices by which of them are about hosts that are alike.
fn alike<I: Sync>(
    session: &Session,
    flake: &ReadyFlake,
    pool: &EvaluationPool,
    items: &[I],
    open: &[usize],
    host: &(impl Fn(&I) -> Option<String> + Sync),
) -> Vec<Vec<usize>> {
    let apart = || open.iter().map(|index| vec![*index]).collect();
    if open.iter().filter(|index| host(&items[**index]).is_some()).count() < 2 {
        return apart();
    }
    let world = world(session, flake, pool);
    // The evaluations that follow report the same.
    let settings = Settings { report: |_, _| {}, ..flake_settings(session, flake) };
    let groups = evaluate_in(pool, &settings, &world, |evaluation| {
        let value = flake_value(evaluation, flake)?;
        let (mut hosts, mut values, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        for index in open {
            match host_value(evaluation, value, host(&items[*index]))? {
                Some(value) => {
                    hosts.push(*index);
                    values.push(value);
                }
                None => groups.push(vec![*index]),
            }
        }
        let alike = evaluation.groups(&values).into_iter();
        groups.extend(alike.map(|group| group.into_iter().map(|place| hosts[place]).collect()));
        Ok(groups)
    });
    // Who evaluates a host by itself finds the error, too.
    groups.unwrap_or_else(|_| apart())
}

/// A host, not evaluated yet; `None` if the flake has none of this name.
fn host_value<'a>(
    evaluation: &Evaluation<'a>,
    flake: ValueRef<'a>,
    host: Option<String>,
) -> Result<Option<ValueRef<'a>>, EvalError> {
    match (host, host_set(evaluation, flake)?) {
        (Some(host), Some(set)) => evaluation.attribute(set, &host),
        _ => Ok(None),
    }
}

/// What is wanted of items about hosts that are alike, in their order.
fn together<I: Sync, T: Send + Serialize + DeserializeOwned>(
    session: &Session,
    flake: &ReadyFlake,
    pool: &EvaluationPool,
    items: &[&I],
    key: &(impl Fn(&I) -> Option<String> + Sync),
    host: &(impl Fn(&I) -> Option<String> + Sync),
    wanted: &(
         impl for<'s, 'a> Fn(&'s Evaluation<'a>, ValueRef<'a>, &I) -> Result<(Selected<'a>, T), EvalError> + Sync
     ),
) -> Vec<Result<(Evaluated, T), Failure>> {
    let alone = |item: &&I| alone(session, flake, pool, *item, key, wanted);
    if let [item] = items {
        return vec![alone(item)];
    }
    let world = world(session, flake, pool);
    let observer = Observer::new(&world);
    let turns = with_flake(session, flake, pool, &world, &observer, |evaluation, value| {
        let hosts = items.iter().filter_map(|item| host_value(evaluation, value, host(item)).transpose());
        let hosts: Vec<_> = hosts.collect::<Result<_, _>>()?;
        Ok(evaluation.in_turns(&hosts, |turn| {
            let wanted = wanted(evaluation, value, items[turn])?;
            finished(&world, &observer, evaluation, wanted, cache(session, flake, key(items[turn])))
        }))
    });
    let Ok(turns) = turns else { return items.par_iter().map(alone).collect() };
    let outcomes = turns.outcomes.into_iter();
    let mut results: Vec<Result<_, Failure>> =
        outcomes.map(|outcome| outcome.map_err(|error| world.explain(error).into())).collect();
    match items[results.len()..].split_first() {
        // It has an error, which evaluating it by itself explains.
        Some((next, others)) if turns.useful => {
            results.push(alone(next));
            results.extend(together(session, flake, pool, others, key, host, wanted));
        }
        _ => results.par_extend(items[results.len()..].par_iter().map(alone)),
    }
    results
}

/// What is wanted of one item, in an evaluation of its own.
fn alone<I: Sync, T: Send + Serialize>(
    session: &Session,
    flake: &ReadyFlake,
    pool: &EvaluationPool,
    item: &I,
    key: &impl Fn(&I) -> Option<String>,
    wanted: &(
         impl for<'s, 'a> Fn(&'s Evaluation<'a>, ValueRef<'a>, &I) -> Result<(Selected<'a>, T), EvalError> + Sync
     ),
) -> Result<(Evaluated, T), Failure> {
    let world = world(session, flake, pool);
    let observer = Observer::new(&world);
    let cache = cache(session, flake, key(item));
    with_flake(session, flake, pool, &world, &observer, |evaluation, value| {
        finished(&world, &observer, evaluation, wanted(evaluation, value, item)?, cache)
    })
}

/// A result with all that its derivations need, which is remembered.
fn finished<'a, T: Serialize>(
    world: &World<'_>,
    observer: &Observer<'_>,
    evaluation: &Evaluation<'a>,
    (selected, found): (Selected<'a>, T),
    cache: Option<EvaluationCache<'_>>,
) -> Result<(Evaluated, T), EvalError> {
    let (targets, graph) = with_needs(evaluation, selected)?;
    let evaluated = Evaluated { targets, graph, added: world.added() };
    if let Some(cache) = cache {
        cache.remember(observer, &evaluated, &found);
    }
    Ok((evaluated, found))
}

/// Derivations with all that they need.
fn with_needs<'a>(
    evaluation: &Evaluation<'a>,
    selected: Selected<'a>,
) -> Result<(Vec<Target>, DerivationGraph), EvalError> {
    let mut targets = Vec::new();
    for (name, value) in selected {
        let derivation = evaluation.derivation_path(value)?;
        let output = match evaluation.attribute(value, "outputName")? {
            Some(output) => evaluation.to_text(output)?.text,
            None => "out".to_owned(),
        };
        targets.push(Target { name, derivation, output });
    }
    let known = evaluation.derivations();
    let graph = reachable(|path| known.get(path), targets.iter().map(|target| &target.derivation));
    Ok((targets, graph))
}

/// An evaluation of the flake that yields something else than derivations, remembered under `key` as by [`derivations`].
pub fn value<T: Send + Serialize + DeserializeOwned>(
    session: &Session,
    flake: &ReadyFlake,
    key: Option<String>,
    body: impl for<'s, 'a> Fn(&'s Evaluation<'a>, ValueRef<'a>) -> Result<T, EvalError> + Sync,
) -> Result<T, Failure> {
    let (_, found) = derivations_of_one(session, flake, key, |evaluation, value| {
        Ok((Vec::new(), body(evaluation, value)?))
    })?;
    Ok(found)
}
