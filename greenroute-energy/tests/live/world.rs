//! A world of fake grids at a fixed time, and a clock that a test moves.

use futures_core::future::BoxFuture;
use greenroute_core::{Runtime, Zone};
use greenroute_energy::grid::live::{CarbonIntensityUk, Eia, ElectricityMaps, WattTime};
use greenroute_http::{Secret, Timeouts};
use greenroute_testkit::{FakeServer, Recorded, grids};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const KEY: &str = "canary-key-5f2d9c7a";
pub(crate) const PASSWORD: &str = "canary-password-77";

/// 2026-11-21T12:20:00Z.
pub(crate) fn noon() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_263_600)
}

pub(crate) fn zone(id: &str) -> Zone {
    id.parse().unwrap()
}

/// Time that passes when a test says so.
#[derive(Debug, Clone)]
pub(crate) struct Hand(Arc<Mutex<Duration>>);

impl Hand {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Duration::ZERO)))
    }

    pub(crate) fn pass(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl Runtime for Hand {
    fn now(&self) -> SystemTime {
        noon() + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, _duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn unique_id(&self) -> u128 {
        7
    }
}

/// It is always noon, and waiting takes its time.
#[derive(Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Runtime for Clock {
    fn now(&self) -> SystemTime {
        noon()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn unique_id(&self) -> u128 {
        7
    }
}

/// All four fakes on one server, over one world.
pub(crate) struct Fakes {
    pub(crate) world: grids::GridWorld,
    pub(crate) server: FakeServer,
    pub(crate) watt_time: grids::WattTime,
}

/// How a test wants them to differ from plain ones.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) free: bool,
    pub(crate) estimated: bool,
    pub(crate) unmetered: bool,
    pub(crate) numeric: bool,
    pub(crate) lag: Option<u64>,
    pub(crate) page: Option<usize>,
}

impl Fakes {
    pub(crate) async fn start() -> Self {
        Self::wishing(Wishes::default()).await
    }

    pub(crate) async fn wishing(wishes: Wishes) -> Self {
        let world = grids::GridWorld::at(noon());
        let long_ago = noon() - 100 * HOUR;
        for (name, value) in [
            ("DE", 302.0),
            ("FR", 41.0),
            ("US-TEX-ERCO", 380.0),
            ("GB", 263.0),
            ("RG10", 210.0),
            ("CAISO_NORTH", 1000.0),
            ("ERCO/NG", 15_000.0),
            ("ERCO/WND", 20_000.0),
            ("ERCO/COL", 5_000.0),
        ] {
            world.set(name, long_ago, Some(value));
        }
        world.set("DE", noon() - 20 * MINUTE, Some(310.0));
        let mut maps = grids::ElectricityMaps::new(&world);
        let mut uk = grids::CarbonIntensityUk::new(&world);
        let mut eia = grids::Eia::new(&world, KEY);
        let mut watt_time = grids::WattTime::new(&world, "acme", PASSWORD);
        if wishes.free {
            (maps, watt_time) = (maps.free("DE"), watt_time.free());
        }
        if wishes.estimated {
            maps = maps.estimated();
        }
        if wishes.unmetered {
            uk = uk.unmetered();
        }
        if wishes.numeric {
            eia = eia.numeric();
        }
        if let Some(hours) = wishes.lag {
            eia = eia.lag(hours);
        }
        if let Some(rows) = wishes.page {
            eia = eia.page(rows);
        }
        let server = FakeServer::builder().key(KEY).vendor(maps).vendor(uk).vendor(eia);
        let server = server.vendor(watt_time.clone()).start().await.unwrap();
        Self { world, server, watt_time }
    }

    pub(crate) fn maps(&self) -> ElectricityMaps {
        self.maps_with_key(KEY)
    }

    pub(crate) fn maps_with_key(&self, key: &str) -> ElectricityMaps {
        let builder = ElectricityMaps::builder(key).base_url(&self.server.url("electricity_maps"));
        builder.timeouts(quick()).build().unwrap()
    }

    pub(crate) fn uk(&self) -> CarbonIntensityUk {
        let builder = CarbonIntensityUk::builder().base_url(&self.server.url("carbon_intensity_uk"));
        let builder = builder.region(zone("GB-SOUTH"), "RG10").region(zone("GB-NOWHERE"), "ZZ9");
        builder.timeouts(quick()).build().unwrap()
    }

    pub(crate) fn eia(&self) -> Eia {
        Eia::builder(KEY).base_url(&self.server.url("eia")).timeouts(quick()).build().unwrap()
    }

    pub(crate) fn watt_time(&self, clock: &Hand) -> WattTime {
        let builder = WattTime::builder("acme", PASSWORD).base_url(&self.server.url("watttime"));
        let builder =
            builder.region(zone("US-CAL-CISO"), "CAISO_NORTH").region(zone("US-TEX"), "ERCOT_NORTH");
        let builder = builder.place(zone("US-CA"), 37.8, -122.4).place(zone("FR"), 48.9, 2.4);
        builder.runtime(Arc::new(clock.clone())).timeouts(quick()).build().unwrap()
    }

    /// What the vendor was asked since this was last called.
    pub(crate) fn asked(&self, vendor: &str) -> Vec<Recorded> {
        let mut requests = self.server.requests();
        requests.retain(|request| request.vendor == vendor);
        requests
    }
}

pub(crate) fn quick() -> Timeouts {
    let second = Duration::from_secs(1);
    Timeouts { connect: second, first_byte: None, idle: second, total: 2 * second }
}

/// Neither an error nor anything it is caused by may show a key.
pub(crate) fn mute(shown: &impl std::fmt::Debug) {
    let shown = format!("{shown:?} {shown:#?}");
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn secrets_of_settings_are_never_shown() {
    let secret = Secret::new(KEY);
    mute(&ElectricityMaps::builder(secret.clone()));
    mute(&Eia::builder(secret.clone()));
    mute(&WattTime::builder("acme", secret));
}
