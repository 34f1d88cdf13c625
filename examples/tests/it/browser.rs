//! A minimal browser for tests.
//!
//! In: paths and forms. Out: pages. It keeps cookies and, in `submit`, follows redirects. Never: checks what a page shows.

use std::{collections::BTreeMap, time::Duration};

use ureq::{
    Agent,
    http::{HeaderMap, Response},
};

pub(crate) struct Browser {
    agent: Agent,
    address: String,
    /// Names and values, as the server set them.
    pub(crate) cookies: BTreeMap<String, String>,
    agent_name: String,
}

pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn at(address: &str) -> Self {
        let agent = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .new_agent();
        Self { agent, address: address.to_owned(), cookies: BTreeMap::new(), agent_name: "A browser".into() }
    }

    /// Sets the `User-Agent` that the browser sends.
    pub(crate) fn called(mut self, name: &str) -> Self {
        name.clone_into(&mut self.agent_name);
        self
    }

    /// A second browser with a copy of the cookies.
    pub(crate) fn copy(&self) -> Self {
        Self {
            agent: self.agent.clone(),
            address: self.address.clone(),
            cookies: self.cookies.clone(),
            agent_name: self.agent_name.clone(),
        }
    }

    pub(crate) fn moved_to(&mut self, address: &str) {
        address.clone_into(&mut self.address);
    }

    pub(crate) fn get(&mut self, path: &str) -> Page {
        let request = self.agent.get(format!("{}{path}", self.address)).header("cookie", self.cookie_line());
        let response = request.call().unwrap();
        self.took(response)
    }

    /// Sends a form of the shop's own page.
    pub(crate) fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        self.post_with(
            path,
            form,
            &[("sec-fetch-site", "same-origin"), ("user-agent", &self.agent_name.clone())],
        )
    }

    pub(crate) fn post_with(&mut self, path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Page {
        let mut request =
            self.agent.post(format!("{}{path}", self.address)).header("cookie", self.cookie_line());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send_form(form.iter().copied()).unwrap();
        self.took(response)
    }

    /// Sends a form, follows the redirect, and returns the page.
    pub(crate) fn submit(&mut self, path: &str, form: &[(&str, &str)]) -> String {
        let answer = self.post(path, form);
        assert_eq!(answer.status, 303, "{}", answer.body);
        self.page(answer.headers["location"].to_str().unwrap())
    }

    pub(crate) fn home(&mut self) -> String {
        self.page("/")
    }

    pub(crate) fn page(&mut self, path: &str) -> String {
        let page = self.get(path);
        assert_eq!(page.status, 200, "{}", page.body);
        page.body
    }

    fn cookie_line(&self) -> String {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn took(&mut self, mut response: Response<ureq::Body>) -> Page {
        for line in response.headers().get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Page {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.body_mut().read_to_string().unwrap(),
        }
    }
}
