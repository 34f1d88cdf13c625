//! nginx as a caching proxy.
//!
//! In: `nginx`, and the address of an application. Out: its own address. Never uses files of the machine's own nginx.

use std::{fs, net::SocketAddr, path::PathBuf};

use super::{find, free_port, guarded::Guarded, until};

pub(crate) struct Nginx {
    _guarded: Guarded,
    address: SocketAddr,
}

impl Nginx {
    /// A proxy in front of `application` that stores whatever it is allowed to store.
    pub(crate) async fn before(application: SocketAddr) -> Option<Self> {
        let program = find("nginx", "nginx-light", [PathBuf::from("/usr/sbin")])?;
        let (guarded, port) = (Guarded::new(None), free_port());
        let folder = guarded.folder().to_str().unwrap().to_owned();
        // One process without the rights of root, and all its files in the folder.
        let configuration = format!(
            "daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache keys_zone=all:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://{application};
            proxy_set_header Host $http_host;
            proxy_cache all;
            proxy_cache_valid 200 1m;
            add_header X-Cache $upstream_cache_status always;
        }}
    }}
}}
"
        );
        fs::write(guarded.folder().join("nginx.conf"), configuration).unwrap();
        let arguments = ["-p", &folder, "-c", &format!("{folder}/nginx.conf"), "-e", "stderr"];
        guarded.spawn(&program, &arguments.map(str::to_owned));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        until("nginx answers", || async {
            tokio::net::TcpStream::connect(address).await.is_ok() || guarded.has_ended()
        })
        .await;
        assert!(!guarded.has_ended(), "nginx did not start: {}", guarded.log());
        Some(Self { _guarded: guarded, address })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}
