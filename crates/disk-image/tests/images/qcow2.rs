use crate::disk::image;
use crate::tools::*;
use disk_image::Error;
use disk_image::qcow2::{BackingFormat, convert, create_overlay};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

fn check(image: &Path) {
    let report = text("qemu-img", &["check", show(image)]);
    assert!(report.contains("No errors were found"), "{report}");
}

fn compare(first: (&str, &Path), second: (&str, &Path)) {
    let report = text("qemu-img", &["compare", "-f", first.0, "-F", second.0, show(first.1), show(second.1)]);
    assert_eq!(report, "Images are identical.\n");
}

#[test]
fn a_disk_written_as_qcow2_is_the_raw_one() {
    let directory = tempfile::tempdir().unwrap();
    let (raw, direct) = (directory.path().join("raw"), directory.path().join("direct"));
    let converted = directory.path().join("converted");
    let plan = image("alpha").plan().unwrap();
    plan.write_raw(&raw, &mut go_on).unwrap();
    plan.write_qcow2(&direct, &mut go_on).unwrap();
    convert(&raw, &converted, &mut go_on).unwrap();
    for qcow2 in [&direct, &converted] {
        check(qcow2);
        compare(("raw", &raw), ("qcow2", qcow2));
        assert!(std::fs::metadata(qcow2).unwrap().len() < 16 << 20);
    }
    assert!(std::fs::read(&direct).unwrap() == std::fs::read(&converted).unwrap());
}

#[test]
fn a_large_sparse_image_and_one_that_is_no_whole_cluster() {
    let directory = tempfile::tempdir().unwrap();
    let (raw, qcow2) = (directory.path().join("raw"), directory.path().join("qcow2"));
    let file = File::create(&raw).unwrap();
    file.set_len((40 << 30) + 512).unwrap();
    for (index, place) in [0, 512 << 20, (512 << 20) - 1, 39 << 30, 40 << 30].into_iter().enumerate() {
        file.write_all_at(&noise(512, index as u64), place).unwrap();
    }
    // Zeros that are no hole are left out as well.
    file.write_all_at(&vec![0; 10 << 20], 1 << 30).unwrap();
    convert(&raw, &qcow2, &mut go_on).unwrap();
    check(&qcow2);
    compare(("raw", &raw), ("qcow2", &qcow2));
    assert!(std::fs::metadata(&qcow2).unwrap().len() < 2 << 20);

    std::fs::write(&raw, "").unwrap();
    assert!(matches!(convert(&raw, &qcow2, &mut go_on), Err(Error::InvalidImage { .. })));
}

#[test]
fn an_overlay_reads_as_what_it_lies_over_and_can_be_larger() {
    let directory = tempfile::tempdir().unwrap();
    let (raw, qcow2) = (directory.path().join("raw"), directory.path().join("base.qcow2"));
    let plan = image("alpha").plan().unwrap();
    plan.write_raw(&raw, &mut go_on).unwrap();
    plan.write_qcow2(&qcow2, &mut go_on).unwrap();
    for (backing, format, name) in
        [(&raw, BackingFormat::Raw, "raw"), (&qcow2, BackingFormat::Qcow2, "qcow2")]
    {
        let overlay = directory.path().join("overlay");
        create_overlay(&overlay, backing, format, 20 << 30).unwrap();
        check(&overlay);
        let information = text("qemu-img", &["info", show(&overlay)]);
        assert!(information.contains("virtual size: 20 GiB"), "{information}");
        assert!(information.contains(&format!("backing file: {}", show(backing))), "{information}");
        assert!(information.contains(&format!("backing file format: {name}")), "{information}");
        let report = text("qemu-img", &["compare", show(&overlay), "-f", "qcow2", "-F", name, show(backing)]);
        assert_eq!(report, "Warning: Image size mismatch!\nImages are identical.\n");
        // Writing to it leaves it consistent and the backing file as it was.
        run(
            "qemu-io",
            &["-f", "qcow2", "-c", "write -P 7 19G 1M", "-c", "write -P 8 1M 64k", show(&overlay)],
        );
        check(&overlay);
        compare(("raw", &raw), ("qcow2", &qcow2));
    }
    let refused = create_overlay(&directory.path().join("x"), &raw, BackingFormat::Raw, 1000);
    assert!(matches!(refused, Err(Error::InvalidImage { .. })));
}
