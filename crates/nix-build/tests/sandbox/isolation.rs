//! What a builder cannot reach.

use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::Command;

use crate::shell::{Script, Shell, helper};

#[test]
fn no_network() {
    let shell = Shell::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let name = format!("hostwright-{}", std::process::id());
    let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    assert!(fs::read_to_string("/proc/net/unix").unwrap().contains(&name));
    let text = format!(
        "{{ nc -w 3 127.0.0.1 {port} < /dev/null && echo reached || echo unreachable; \
         ifconfig | grep -E 'UP|inet '; cat /proc/net/unix; \
         nc -w 3 192.0.2.1 80 < /dev/null && echo reached || echo unreachable; }} > $out 2>/dev/null"
    );
    let found = shell.read(&shell.script("network", &text));
    assert!(!found.contains("reached\n") || found.matches("unreachable\n").count() == 2, "{found}");
    assert!(found.contains("127.0.0.1") && found.contains("UP LOOPBACK RUNNING"), "{found}");
    assert!(!found.contains(&name), "{found}");
    // Nobody came.
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err());
}

#[test]
fn a_known_hash_allows_the_network() {
    let shell = Shell::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"from outside\n").unwrap();
    });
    let hash = nix_store::Hash::sha256(b"from outside\n");
    let method = nix_store::ContentAddressMethod::Flat;
    let directory = shell.store.store.directory();
    let path = directory.make_fixed_output_path("fetched", method, &hash, Default::default()).unwrap();
    let written = shell.write(Script {
        name: "fetched",
        text: format!("test -e /etc/resolv.conf; test -n \"$NIX_OUTPUT_CHECKED\"; nc -w 5 127.0.0.1 {port} > $out < /dev/null"),
        fixed: Some(nix_store::DerivationOutput::Fixed { path, method, hash }),
        ..Script::default()
    });
    assert_eq!(shell.read(&written), "from outside\n");
    serve.join().unwrap();
    shell.store.verify_by_nix();
}

#[test]
fn no_files_and_no_processes_of_the_machine() {
    let shell = Shell::new();
    let other = shell.script("other", "echo x > $out");
    shell.realise(&[&other]).unwrap();
    let sleeper = Command::new("sleep").arg("60").spawn().unwrap();
    let own = std::process::id();
    let text = format!(
        "{{ for path in /root /home /usr /var /sys /run /boot {} {} {}; do test ! -e $path || echo visible $path; done; \
         for process in {own} {}; do kill -0 $process 2>/dev/null && echo alive $process; done; \
         ls /proc | grep -E '^[0-9]+$'; ls /nix/store; \
         ls /proc/1/root/; }} > $out 2>&1",
        other.output,
        shell.store.directory.path().display(),
        env!("CARGO_MANIFEST_DIR"),
        sleeper.id(),
    );
    let found = shell.read(&shell.script("files", &text));
    let mut sleeper = sleeper;
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    assert!(!found.contains("visible") && !found.contains("alive"), "{found}");
    let processes = found.lines().filter(|line| line.bytes().all(|byte| byte.is_ascii_digit())).count();
    assert!(processes <= 4, "{found}");
    // The output itself is being written.
    let input = shell.busybox.output.rsplit('/').next().unwrap();
    let store: Vec<&str> = found
        .lines()
        .filter(|line| line.len() > 33 && line.contains('-') && !line.ends_with("-files"))
        .collect();
    assert_eq!(store, [input], "{found}");
}

#[test]
fn builds_do_not_see_each_other() {
    let shell = Shell::new();
    let scripts = ["alpha", "omega"].map(|name| {
        let text = format!(
            "echo > /tmp/{name}; echo > /dev/shm/{name}; echo > /build/{name}; \
             sh -c 'sleep 1.5; : {name}' & sleep 0.7; \
             ls /tmp /dev/shm /build /nix/store > $out; cat /proc/[0-9]*/cmdline >> $out; wait"
        );
        shell.script(name, &text)
    });
    let settings = nix_build::realise::Settings { max_jobs: 2, ..shell.settings() };
    let begin = std::time::Instant::now();
    shell.realise_with(&[&scripts[0], &scripts[1]], &settings, &nix_build::realise::NoObserver).unwrap();
    let together = begin.elapsed() < std::time::Duration::from_secs(3);
    for (own, other) in [(0, "omega"), (1, "alpha")] {
        let found = fs::read_to_string(shell.store.real(&scripts[own])).unwrap();
        assert!(!found.contains(other) && found.contains(["alpha", "omega"][own]), "{found}");
    }
    // Had they run one after the other, nothing would be shown.
    assert!(together, "{:?}", begin.elapsed());
}

#[test]
fn a_builder_that_is_not_there_is_named() {
    let shell = Shell::new();
    let mut derivation = nix_store::Derivation::new("no-builder");
    derivation.system = nix_build::realise::Machine::this().systems[0].clone().into();
    derivation.builder = b"/bin/sh".to_vec();
    derivation.outputs.insert("out".into(), nix_store::DerivationOutput::Deferred);
    derivation.env.insert("out", "");
    let directory = shell.store.store.directory();
    let mut load = |path: &nix_store::StorePath| shell.store.store.read_derivation(path);
    let memo = nix_store::HashModuloMemo::new();
    let hash = derivation.hash_modulo_masked(directory, &memo, &mut load).unwrap();
    derivation.assign_output_paths(directory, &hash).unwrap();
    let output = directory.display(derivation.outputs["out"].path().unwrap());
    let path = shell.store.store.write_derivation(&derivation).unwrap();
    let text = shell.fail(&crate::graph::Written { derivation: path, output });
    assert!(text.contains("cannot run the builder '/bin/sh'") && text.contains("sandbox-paths"), "{text}");
}

#[test]
fn inputs_cannot_be_written() {
    let shell = Shell::new();
    let text = "d=${busybox%/usr/bin/busybox}; { for try in \"chmod -R u+w $d\" \"rm -rf $d\" \"touch $d/x\" \
                \"mount -o remount,rw $d\" \"umount $d\" \"mv $d $d-x\" 'mkdir /x' 'touch /etc/passwd' 'mknod /build/sda b 8 0'; do \
                $try 2>/dev/null && echo did $try; done; test -x $busybox; echo end; } > $out";
    assert_eq!(shell.read(&shell.script("inputs", text)), "end\n");
    shell.store.verify_by_nix();
}

#[test]
fn no_set_user_id_files() {
    let shell = Shell::new();
    let text = "mkdir $out; cp $busybox $out/program; \
                { chmod u+s $out/program 2>&1 && echo did; chmod g+s $out/program 2>&1 && echo did; \
                  chmod 755 $out/program && echo plain; chmod 6755 $out/program 2>&1; } > $out/log || true";
    let written = shell.script("set-id", text);
    shell.realise(&[&written]).unwrap();
    let output = shell.store.real(&written);
    let log = fs::read_to_string(output.join("log")).unwrap();
    assert!(
        log.contains("Operation not permitted") && log.contains("plain") && !log.contains("did"),
        "{log}"
    );
    let mode = fs::metadata(output.join("program")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o555);
}

#[test]
fn a_build_of_an_ordinary_user() {
    // Only root can become one; who runs this as one has all other tests for it.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let shell = Shell::new();
    let written =
        shell.script("user", "mkdir $out; id -u > $out/id; chmod 555 $out; rm $busybox 2>/dev/null || true");
    let nobody = 65534;
    let root = shell.store.directory.path();
    for entry in walkdir::WalkDir::new(root) {
        std::os::unix::fs::lchown(entry.unwrap().path(), Some(nobody), Some(nobody)).unwrap();
    }
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(helper())
        .arg(root)
        .arg(written.derivation.base_name())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_to_string(shell.store.real(&written).join("id")).unwrap(), "1000\n");
    assert!(shell.store.store.verify(true).unwrap().is_empty());
}
