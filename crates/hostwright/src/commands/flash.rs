//! `hostwright flash IMAGE --to DISK`

use std::io::{self, BufRead, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use install::device::{Bus, Disk, Places, Use, find, list};
use install::flash::{FlashPlan, ImageSummary, Patch, Phase, Progress, RunOptions};
use install::personal::{Personal, PersonalImage};
use install::source::ImageFile;
use serde_json::{Value, json};

use super::{Session, flash_node, image, personal};
use crate::arguments::FlashArguments;
use crate::failure::Failure;
use crate::output;

/// Shows the plan, asks, writes, reads back.
pub fn run(session: &Session, arguments: &FlashArguments) -> Result<(), Failure> {
    let places = Places::default();
    if arguments.list {
        return show_disks(&list(&places)?, arguments);
    }
    let Some(image) = &arguments.image else { return Ok(()) };
    let settings = personal::read(&arguments.personal)?;
    if let Some(board) = &arguments.bmc {
        let source = image_file(session, arguments, image)?;
        let patches = patches(&source, &settings)?;
        return flash_node::run(session, arguments, board, &source, &patches);
    }
    // The parser wants one of the two.
    let Some(to) = &arguments.to else { return Ok(()) };
    // What is wrong with the disk is said before an image is made.
    let directory = &session.configuration.working_directory;
    let disk = find(&places, &directory.join(to))?;
    let unknown = ImageSummary { name: image.clone(), size: None, has_checksum: false };
    FlashPlan::new(unknown, disk.clone(), arguments.named.as_deref())?;
    let source = image_file(session, arguments, image)?;
    let patches = patches(&source, &settings)?;
    let plan = FlashPlan::new(ImageSummary::from(&source), disk, arguments.named.as_deref())?;
    confirm(session, arguments, &plan, &settings.needed())?;

    let stop = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&stop);
    let _guard = session.interrupts.guard(move || heard.store(true, Ordering::Relaxed));
    let mut phase = Phase::Writing;
    let mut bar = session.progress.bytes("Writing", plan.image.size.unwrap_or(source.file_size()));
    let mut show = |progress: Progress| {
        if progress.phase != phase {
            phase = progress.phase;
            bar.finish_and_clear();
            bar = session.progress.bytes("Reading back", progress.total.unwrap_or_default());
        }
        bar.set_position(progress.done);
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = RunOptions { verify: !arguments.no_verify, eject: !arguments.no_eject };
    let begun = std::time::Instant::now();
    let report = plan.run(|sink| source.feed(sink), &patches, options, &mut show)?;
    session.progress.add_time("flash", begun.elapsed());
    bar.finish_and_clear();
    if arguments.json {
        return output::json(&json!({
            "disk": plan.disk.path,
            "image": source.path(),
            "size": report.size,
            "written": report.written,
            "spared": report.spared,
            "verified": report.verified,
            "ejected": report.ejected,
        }));
    }
    session.progress.say(&format!(
        "Wrote {} of the image's {} to {}{}{}.",
        output::bytes(report.written),
        output::bytes(report.size),
        plan.disk.path.display(),
        if report.verified { ", and read all of it back" } else { "" },
        match (report.ejected, options.eject && plan.disk.removable && plan.disk.bus != Bus::File) {
            (true, _) => "; it is ejected",
            (false, true) => "; its reader does not eject, and it can be taken out as it is",
            (false, false) => "",
        },
    ));
    Ok(())
}

/// What of the image is replaced.
fn patches(source: &ImageFile, settings: &Personal) -> Result<Vec<Patch>, Failure> {
    if settings.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![PersonalImage::find(source)?.patch(settings)?])
}

/// The file that was named, or the image of the host that was.
fn image_file(session: &Session, arguments: &FlashArguments, named: &str) -> Result<ImageFile, Failure> {
    let path = session.configuration.working_directory.join(named);
    if path.is_file() {
        return Ok(ImageFile::open(path)?);
    }
    if !named.contains('#') {
        let source = io::Error::from(io::ErrorKind::NotFound);
        return Err(Failure::File { action: "read", path, source });
    }
    let wanted = image::Wanted { format: &arguments.format, system: None };
    Ok(ImageFile::open(image::build(session, named, wanted, None)?.file)?)
}

/// Shows the plan; asks, unless somebody has agreed before.
fn confirm(
    session: &Session,
    arguments: &FlashArguments,
    plan: &FlashPlan,
    settings: &[&str],
) -> Result<(), Failure> {
    let mut text = plan.to_string();
    if !settings.is_empty() {
        text.push_str(&format!("give it its own {}\n", settings.join(", ")));
    }
    session.progress.say(text.trim_end());
    ask(arguments, "Write it?")
}

/// Asks somebody, unless it was agreed to before.
pub fn ask(arguments: &FlashArguments, question: &str) -> Result<(), Failure> {
    if arguments.yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage("nobody is there to agree to this plan: say --yes".to_owned()));
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    io::stderr()
        .flush()
        .and_then(|()| io::stdin().lock().read_line(&mut answer))
        .map_err(|source| Failure::File { action: "read", path: "standard input".into(), source })?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(Failure::Declined) }
}

fn show_disks(disks: &[Disk], arguments: &FlashArguments) -> Result<(), Failure> {
    let shown: Vec<&Disk> = disks.iter().filter(|disk| arguments.all || disk.removable).collect();
    if arguments.json {
        return output::json(&Value::Array(shown.into_iter().map(described).collect()));
    }
    if shown.is_empty() && !arguments.all {
        return output::line("There is no removable disk; --all shows the others.");
    }
    shown.into_iter().try_for_each(|disk| output::write(&table(disk)))
}

fn described(disk: &Disk) -> Value {
    let partitions: Vec<Value> = disk
        .partitions
        .iter()
        .map(|partition| {
            json!({
                "path": partition.path,
                "size": partition.size,
                "contents": partition.contents.as_ref().map(|contents| contents.kind),
                "label": partition.contents.as_ref().and_then(|contents| contents.label.clone()),
            })
        })
        .collect();
    let uses: Vec<Value> = disk
        .uses
        .iter()
        .map(|used| match used {
            Use::Mounted { device, at } => json!({ "device": device, "mountedAt": at }),
            Use::Swap { device } => json!({ "device": device, "swap": true }),
            Use::Holder { name } => json!({ "holder": name }),
        })
        .collect();
    json!({
        "path": disk.path,
        "name": disk.full_name(),
        "size": disk.size,
        "bus": disk.bus.name(),
        "model": disk.model,
        "serial": disk.serial,
        "removable": disk.removable,
        "readOnly": disk.read_only,
        "contents": disk.contents.as_ref().map(|contents| contents.kind),
        "partitions": partitions,
        "uses": uses,
    })
}

/// What people read of a disk: a line, and one for each partition and use.
fn table(disk: &Disk) -> String {
    let mut text = format!(
        "{:<16} {:>10}  {:<8} {}{}\n",
        disk.path.display().to_string(),
        output::bytes(disk.size),
        disk.bus.name(),
        disk.full_name(),
        if disk.read_only { " (write-protected)" } else { "" },
    );
    for partition in &disk.partitions {
        let name = partition.path.file_name().map(Path::new).unwrap_or(&partition.path);
        let contents = partition.contents.as_ref().map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!(
            "  {:<14} {:>10}  {contents}\n",
            name.display().to_string(),
            output::bytes(partition.size)
        ));
    }
    if let (true, Some(contents)) = (disk.partitions.is_empty(), &disk.contents) {
        text.push_str(&format!("  {contents}\n"));
    }
    for used in &disk.uses {
        text.push_str(&format!("  {used}\n"));
    }
    text
}
