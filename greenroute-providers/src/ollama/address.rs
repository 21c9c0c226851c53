use std::net::IpAddr;

const PORT: u16 = 11_434;

/// The base URL in the forms that Ollama's own clients take in `OLLAMA_HOST`: a host, a port behind a colon, both, or
/// a URL. An address to listen on, such as `0.0.0.0`, becomes the one to call.
///
/// # Errors
/// What is wrong with it: a port that is none. It is not shown: what stands there may be a mistyped password.
pub(super) fn base_url(host: &str) -> Result<String, &'static str> {
    let text = host.trim().trim_matches(['"', '\'']).trim();
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme, rest),
        None if text == "ollama.com" => ("https", text),
        None => ("http", text),
    };
    let default = match scheme {
        "https" => 443,
        "http" if text.contains("://") => 80,
        _ => PORT,
    };
    let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
    if place.contains('@') {
        // The client refuses users and passwords, and does not repeat them.
        return Ok(format!("{scheme}://{rest}"));
    }
    let (host, port) = split(place);
    let port = match port {
        None | Some("") => default,
        Some(port) => port.parse().map_err(|_| "must have a number up to 65535 as its port, or none")?,
    };
    let host = match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if address.is_unspecified() => "127.0.0.1".to_owned(),
        Ok(IpAddr::V6(address)) if address.is_unspecified() => "[::1]".to_owned(),
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ if host.is_empty() => "127.0.0.1".to_owned(),
        _ => host.to_owned(),
    };
    let path = path.trim_end_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    Ok(format!("{scheme}://{host}:{port}{slash}{path}"))
}

/// Host and port: an IPv6 address may stand in brackets, and without them when no port follows.
fn split(place: &str) -> (&str, Option<&str>) {
    if place.parse::<IpAddr>().is_ok() {
        return (place, None);
    }
    if let Some((host, rest)) = place.strip_prefix('[').and_then(|place| place.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    place.rsplit_once(':').map_or((place, None), |(host, port)| (host, Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_ollamas_own_clients_is_understood() {
        for (host, expected) in [
            ("", "http://127.0.0.1:11434"),
            ("0.0.0.0:11434", "http://127.0.0.1:11434"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            (":1234", "http://127.0.0.1:1234"),
            ("gpu.lan", "http://gpu.lan:11434"),
            ("gpu.lan:80", "http://gpu.lan:80"),
            ("10.0.0.7", "http://10.0.0.7:11434"),
            ("http://gpu.lan", "http://gpu.lan:80"),
            ("https://gpu.lan", "https://gpu.lan:443"),
            ("https://gpu.lan:8443/ollama/", "https://gpu.lan:8443/ollama"),
            ("ollama.com", "https://ollama.com:443"),
            ("::1", "http://[::1]:11434"),
            ("[::1]:5000", "http://[::1]:5000"),
            ("[::]", "http://[::1]:11434"),
            (" \"gpu.lan:1\" ", "http://gpu.lan:1"),
        ] {
            assert_eq!(base_url(host).unwrap(), expected, "{host}");
        }
    }

    #[test]
    fn a_port_that_is_none_is_named_and_never_replaced() {
        for host in ["gpu.lan:99999", "gpu.lan:http", "gpu.lan:-1"] {
            assert!(base_url(host).unwrap_err().contains("port"), "{host}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(host in "\\PC{0,30}") {
            let _ = base_url(&host);
        }
    }
}
