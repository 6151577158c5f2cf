//! TLS by an operator's own certificate, through the program itself.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

struct Program {
    child: Child,
    address: String,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Program {
    fn start(folder: &Path) -> Self {
        let mut child = command(folder).spawn().expect("starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("says something");
        let address = line.trim_end().strip_prefix("listening on https://").expect("speaks TLS").to_owned();
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        Self { child, address, stderr }
    }

    /// What it answers to somebody who trusts this certificate only.
    fn health(&self, root: &str) -> Result<String, std::io::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(root.as_bytes()).expect("PEM")).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("versions").with_root_certificates(roots);
        let name = "localhost".try_into().expect("a name");
        let client = ClientConnection::new(Arc::new(config.with_no_client_auth()), name).expect("a client");
        let stream = TcpStream::connect(&self.address).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("sets");
        let mut stream = StreamOwned::new(client, stream);
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        match stream.read_to_string(&mut answer) {
            // A server that closes without a goodbye has said all.
            Err(problem) if problem.kind() != std::io::ErrorKind::UnexpectedEof => Err(problem),
            _ => Ok(answer),
        }
    }

    /// Tells it to read its certificate again, and waits for what it logs about that.
    fn hang_up(&mut self, word: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().expect("runs").success());
        self.logs(word);
    }

    /// Waits for a word in its logs.
    fn logs(&mut self, word: &str) {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            assert_ne!(self.stderr.read_line(&mut line).expect("reads"), 0, "it ended without saying: {word}");
        }
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alliance-relay"));
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
    command.arg("--tls-cert").arg(folder.join("cert.pem")).arg("--tls-key").arg(folder.join("key.pem"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Writes a new certificate and its key; returns the certificate.
fn certify(folder: &Path) -> String {
    certify_until(folder, 2999)
}

/// The same for a certificate that ends with a year.
fn certify_until(folder: &Path, year: i32) -> String {
    let key = KeyPair::generate().expect("a key");
    let mut terms = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    (terms.not_before, terms.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(year, 12, 31));
    let certificate = terms.self_signed(&key).expect("a certificate");
    fs::write(folder.join("cert.pem"), certificate.pem()).expect("writes");
    fs::write(folder.join("key.pem"), key.serialize_pem()).expect("writes");
    fs::set_permissions(folder.join("key.pem"), fs::Permissions::from_mode(0o600)).expect("sets");
    certificate.pem()
}

#[test]
fn a_relay_speaks_tls_and_takes_a_new_certificate_while_it_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = certify(folder.path());
    let mut program = Program::start(folder.path());
    // Whoever connects and says nothing holds up nobody.
    let _silent = TcpStream::connect(&program.address).expect("connects");
    assert!(program.health(&first).expect("answers").starts_with("HTTP/1.1 200"));
    let second = certify(folder.path());
    assert!(program.health(&second).is_err(), "nobody told it to read the new one");
    program.hang_up("certificate is read again");
    assert!(program.health(&second).expect("answers").starts_with("HTTP/1.1 200"));
    fs::write(folder.path().join("cert.pem"), "nothing").expect("writes");
    program.hang_up("certificate stays the old one");
    assert!(program.health(&second).expect("answers").starts_with("HTTP/1.1 200"));
}

#[test]
fn one_address_holds_no_more_handshakes_than_it_may_have_sockets() {
    let folder = tempfile::tempdir().expect("a folder");
    certify(folder.path());
    let program = Program::start(folder.path());
    let open = || {
        let socket = TcpStream::connect(&program.address).expect("connects");
        socket.set_read_timeout(Some(PATIENCE)).expect("sets");
        socket
    };
    // 64 connections of one address, and a few that have still to become one.
    let first = open();
    let _silent: Vec<_> = (0..79).map(|_| open()).collect();
    let end = open().read(&mut [0]);
    assert!(
        !matches!(&end, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
        "the 81st is sent away: {end:?}"
    );
    first.set_nonblocking(true).expect("sets");
    let stays = (&first).read(&mut [0]).expect_err("nothing is said");
    assert_eq!(stays.kind(), std::io::ErrorKind::WouldBlock, "before the patience with the first one ends");
}

#[test]
fn a_certificate_that_has_expired_is_warned_of_by_a_try_at_the_start_and_when_it_is_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let tried = |folder: &Path| {
        let output = command(folder).arg("check-config").output().expect("runs");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("text")
    };
    certify(folder.path());
    assert!(!tried(folder.path()).contains("warning"));
    let mut program = Program::start(folder.path());
    certify_until(folder.path(), 2021);
    assert!(tried(folder.path()).contains("\nwarning     the certificate has expired, "));
    program.hang_up("the certificate has expired");
    drop(program);
    Program::start(folder.path()).logs("the certificate has expired");
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_before_anything_listens() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = |folder: &Path| {
        let output = command(folder).output().expect("runs");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        String::from_utf8(output.stderr).expect("text")
    };
    let missing = said(folder.path());
    assert!(missing.contains("cert.pem") && missing.contains("hint: name a file that is there"), "{missing}");
    certify(folder.path());
    let key = fs::read(folder.path().join("key.pem")).expect("reads");
    certify(folder.path());
    fs::write(folder.path().join("key.pem"), key).expect("writes");
    let mismatch = said(folder.path());
    assert!(mismatch.contains("does not belong to the certificate in"), "{mismatch}");
}
