//! Which modules need which, and in what order they are loaded.

use std::collections::{BTreeMap, HashMap};

use crate::error::{Error, Result};
use crate::kernel::module::{Module, module_name};
use crate::kernel::tables::normalised;

/// A module's place in its [`ModuleSet`].
pub(super) type Position = usize;

/// The modules of one kernel version, sorted as the kernel's own build lists them (`modules.order`), and their
/// dependencies.
#[derive(Debug)]
pub struct ModuleSet {
    modules: Vec<Member>,
    by_name: HashMap<String, Position>,
}

#[derive(Debug)]
pub(super) struct Member {
    /// Relative to the version's directory.
    pub(super) path: String,
    pub(super) name: String,
    pub(super) module: Module,
    /// The modules that offer what this one imports, in the order of the imports.
    needs: Vec<Position>,
    /// The place in an order in which every module comes before those that it needs.
    rank: usize,
}

impl ModuleSet {
    /// Joins the modules at paths relative to the version's directory (`kernel/fs/ext4/ext4.ko.xz`). `order` is the
    /// content of `modules.order`; modules that it does not list come after those that it does, by path. Of two
    /// modules with one name, that below `updates/` counts (depmod.d(5), the default `search`), then the first.
    ///
    /// # Errors
    /// [`Error::ModuleCycle`].
    pub fn new(modules: Vec<(String, Module)>, order: &str) -> Result<Self> {
        let positions: HashMap<&str, usize> =
            order.lines().enumerate().map(|(position, path)| (path.trim(), position)).collect();
        let mut named: BTreeMap<String, (String, Module)> = BTreeMap::new();
        for (path, module) in modules {
            let Some(name) = path.rsplit('/').next().and_then(module_name) else { continue };
            let preference = |path: &str| (!path.starts_with("updates/"), path.to_owned());
            match named.get(&name) {
                Some((present, _)) if preference(present) <= preference(&path) => {}
                _ => {
                    named.insert(name, (path, module));
                }
            }
        }
        let mut members: Vec<Member> = named
            .into_iter()
            .map(|(name, (path, module))| Member { path, name, module, needs: Vec::new(), rank: 0 })
            .collect();
        members.sort_by_cached_key(|member| {
            let listed = positions.get(without_compression(&member.path)).copied();
            (listed.unwrap_or(usize::MAX), member.path.clone())
        });
        let by_name = members.iter().enumerate().map(|(at, member)| (member.name.clone(), at)).collect();
        let mut set = ModuleSet { modules: members, by_name };
        set.resolve();
        set.rank()?;
        Ok(set)
    }

    /// Finds the modules that offer what each imports.
    fn resolve(&mut self) {
        let mut owners: HashMap<&str, Position> = HashMap::new();
        for (position, member) in self.modules.iter().enumerate() {
            for symbol in &member.module.exports {
                owners.entry(symbol).or_insert(position);
            }
        }
        let needs: Vec<Vec<Position>> = self
            .modules
            .iter()
            .enumerate()
            .map(|(position, member)| {
                let mut needs: Vec<Position> = Vec::new();
                for symbol in &member.module.imports {
                    if let Some(owner) = owners.get(symbol.as_str())
                        && *owner != position
                        && !needs.contains(owner)
                    {
                        needs.push(*owner);
                    }
                }
                needs
            })
            .collect();
        for (member, needs) in self.modules.iter_mut().zip(needs) {
            member.needs = needs;
        }
    }

    /// Puts every module before those that it needs.
    fn rank(&mut self) -> Result<()> {
        let mut users = vec![0usize; self.modules.len()];
        for member in &self.modules {
            for needed in &member.needs {
                users[*needed] += 1;
            }
        }
        let mut unused: Vec<Position> =
            (0..self.modules.len()).filter(|position| users[*position] == 0).collect();
        let mut rank = 0;
        while let Some(position) = unused.pop() {
            self.modules[position].rank = rank;
            rank += 1;
            for needed in self.modules[position].needs.clone() {
                users[needed] -= 1;
                if users[needed] == 0 {
                    unused.push(needed);
                }
            }
        }
        if rank == self.modules.len() {
            return Ok(());
        }
        let in_circle = users.iter().zip(&self.modules).filter(|(users, _)| **users > 0);
        Err(Error::ModuleCycle { modules: in_circle.map(|(_, member)| member.name.clone()).collect() })
    }

    /// All modules in order.
    pub(super) fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.modules.iter()
    }

    /// Everything that a module needs, directly or not, each before what it needs itself: the order of
    /// `modules.dep`, where the last is loaded first.
    pub(super) fn dependencies_of(&self, member: &Member) -> Vec<&Member> {
        let mut seen = vec![false; self.modules.len()];
        let mut pending = member.needs.clone();
        let mut all = Vec::new();
        while let Some(position) = pending.pop() {
            if !std::mem::replace(&mut seen[position], true) {
                all.push(&self.modules[position]);
                pending.extend(&self.modules[position].needs);
            }
        }
        all.sort_by_key(|member| member.rank);
        all
    }

    /// The paths of the named modules and of all that they need or ask to be loaded before them (`softdep … pre:`), in an
    /// order in which they can be loaded, and the names that no module has. `-` and `_` are the same in a name.
    pub fn load_order<Name: AsRef<str>>(&self, names: &[Name]) -> (Vec<&str>, Vec<String>) {
        let providers = self.providers();
        let mut missing = Vec::new();
        let mut wanted = Vec::new();
        let mut seen = vec![false; self.modules.len()];
        for name in names {
            match self.by_name.get(&name.as_ref().replace('-', "_")) {
                Some(position) => self.visit_soft(*position, &providers, &mut seen, &mut wanted),
                None => missing.push(name.as_ref().to_owned()),
            }
        }
        // Soft dependencies may form circles, in which one of them gives way; what a module imports never does.
        let mut loaded = vec![false; self.modules.len()];
        let mut order = Vec::new();
        for position in wanted {
            self.visit_hard(position, &mut loaded, &mut order);
        }
        (order.into_iter().map(|position| self.modules[position].path.as_str()).collect(), missing)
    }

    /// Lists a module after what should be loaded before it.
    fn visit_soft(
        &self,
        position: Position,
        providers: &HashMap<String, Vec<Position>>,
        seen: &mut [bool],
        order: &mut Vec<Position>,
    ) {
        if std::mem::replace(&mut seen[position], true) {
            return;
        }
        let member = &self.modules[position];
        for name in member.module.soft_dependencies.iter().flat_map(|text| loaded_before(text)) {
            let name = normalised(name);
            let by_alias = providers.get(&name).map(Vec::as_slice).unwrap_or_default();
            for soft in self.by_name.get(&name).into_iter().chain(by_alias) {
                self.visit_soft(*soft, providers, seen, order);
            }
        }
        for needed in &member.needs {
            self.visit_soft(*needed, providers, seen, order);
        }
        order.push(position);
    }

    /// Lists a module after what it needs.
    fn visit_hard(&self, position: Position, loaded: &mut [bool], order: &mut Vec<Position>) {
        if std::mem::replace(&mut loaded[position], true) {
            return;
        }
        for needed in &self.modules[position].needs {
            self.visit_hard(*needed, loaded, order);
        }
        order.push(position);
    }

    /// The modules by those of their aliases that are plain names.
    fn providers(&self) -> HashMap<String, Vec<Position>> {
        let mut providers: HashMap<String, Vec<Position>> = HashMap::new();
        for (position, member) in self.modules.iter().enumerate() {
            for alias in member.module.aliases.iter().filter(|alias| !alias.contains(['*', '?', '[', ':'])) {
                providers.entry(normalised(alias)).or_default().push(position);
            }
        }
        providers
    }
}

/// The names between `pre:` and `post:` of a soft dependency.
fn loaded_before(text: &str) -> impl Iterator<Item = &str> {
    let mut before = false;
    text.split_whitespace().filter(move |word| {
        match *word {
            "pre:" => before = true,
            "post:" => before = false,
            _ => return before,
        }
        false
    })
}

/// `a.ko` for `a.ko.xz`: `modules.order` has the names from before compression.
fn without_compression(path: &str) -> &str {
    [".xz", ".zst", ".gz"].iter().find_map(|suffix| path.strip_suffix(suffix)).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(exports: &[&str], imports: &[&str]) -> Module {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Module { exports: owned(exports), imports: owned(imports), ..Module::default() }
    }

    #[test]
    fn dependencies_come_before_their_users() {
        let set = ModuleSet::new(
            vec![
                ("kernel/top.ko.xz".to_owned(), module(&[], &["middle", "printk"])),
                ("kernel/middle.ko.xz".to_owned(), module(&["middle"], &["bottom"])),
                ("kernel/bottom.ko.xz".to_owned(), module(&["bottom"], &[])),
                ("kernel/other.ko.xz".to_owned(), module(&[], &["bottom"])),
            ],
            "",
        )
        .unwrap();
        let (order, missing) = set.load_order(&["top", "none-such"]);
        assert_eq!(order, ["kernel/bottom.ko.xz", "kernel/middle.ko.xz", "kernel/top.ko.xz"]);
        assert_eq!(missing, ["none-such"]);
    }

    #[test]
    fn a_circle_is_an_error() {
        let error = ModuleSet::new(
            vec![
                ("a.ko".to_owned(), module(&["a"], &["b"])),
                ("b.ko".to_owned(), module(&["b"], &["a"])),
                ("c.ko".to_owned(), module(&[], &[])),
            ],
            "",
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "kernel modules depend on each other in a circle: a, b");
    }

    #[test]
    fn soft_dependencies_come_along_even_in_a_circle() {
        let soft = |mut module: Module, text: &str| {
            module.soft_dependencies.push(text.to_owned());
            module
        };
        let mut provider = module(&[], &["libcrc"]);
        provider.aliases.push("crypto-crc32c".to_owned());
        let set = ModuleSet::new(
            vec![
                ("ext4.ko".to_owned(), soft(module(&[], &["jbd2"]), "pre: crypto-crc32c post: later")),
                ("jbd2.ko".to_owned(), module(&["jbd2"], &[])),
                ("crc32c_generic.ko".to_owned(), provider),
                ("libcrc.ko".to_owned(), soft(module(&["libcrc"], &[]), "pre: ext4")),
                ("later.ko".to_owned(), module(&[], &[])),
            ],
            "",
        )
        .unwrap();
        let (order, _) = set.load_order(&["ext4"]);
        let at = |name: &str| order.iter().position(|path| *path == name).unwrap();
        assert_eq!(order.len(), 4, "{order:?}");
        assert!(at("libcrc.ko") < at("crc32c_generic.ko") && at("crc32c_generic.ko") < at("ext4.ko"));
        assert!(at("jbd2.ko") < at("ext4.ko"));
    }

    #[test]
    fn updates_win() {
        let set = ModuleSet::new(
            vec![("kernel/a.ko".to_owned(), module(&[], &[])), ("updates/a.ko".to_owned(), module(&[], &[]))],
            "kernel/a.ko\n",
        )
        .unwrap();
        assert_eq!(set.load_order(&["a"]).0, ["updates/a.ko"]);
    }
}
