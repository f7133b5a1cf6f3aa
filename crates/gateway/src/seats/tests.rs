use dialect::splice::Pieces;
use pool::{AccountId, Accounts, Cooling, Room};
use proptest::prelude::{Just, Strategy as _, prop_assert_eq, proptest};

use super::*;

/// A place that nobody asks.
#[derive(Debug)]
struct Nowhere;

impl Upstream for Nowhere {
    fn kind(&self) -> &'static str {
        "nowhere"
    }

    fn wire(&self, _model: &str) -> Option<&'static Dialect> {
        dialects::ALL.first().copied()
    }

    fn request(&self, _call: upstreams::Call<'_>, _secret: &Secret) -> Result<http::Request<Pieces>, Fault> {
        Err(Fault::bad_request("nobody is asked here"))
    }
}

/// Members of these priorities, called by their numbers.
fn roster(priorities: &[i32]) -> Arc<Roster> {
    let accounts = Accounts::default();
    let upstream: Arc<dyn Upstream> = Arc::new(Nowhere);
    let member = |(number, priority): (usize, &i32)| {
        let id = AccountId::new(&number.to_string());
        let account = Account {
            activity: accounts.activity(&id),
            label: id.to_string(),
            site: None,
            priority: *priority,
            weight: 1,
            cooling: Cooling::default(),
            room: Room::default(),
            id,
        };
        Member {
            purse: None,
            site: Site::new(account.id.shared()),
            account: Arc::new(account),
            secret: Secret::default(),
            upstream: Arc::clone(&upstream),
            providers: [1].into(),
            errors: [].into(),
            retries: u32::try_from(number % 3).unwrap(),
            guard: Arc::default(),
        }
    };
    Arc::new(Roster::new(priorities.iter().enumerate().map(member).collect()))
}

fn offer(name: &str) -> Offer {
    Offer::new(&Model::found(name, name, false, &Nowhere, None), &Nowhere)
}

fn shown(seat: Seat<'_>) -> (String, String) {
    (seat.account.label.clone(), seat.upstream_model("asked").to_owned())
}

#[test]
fn what_is_alike_is_kept_once() {
    let mut alike = Alike::default();
    let (one, two) = (alike.offer(offer("m")), alike.offer(offer("m")));
    assert!(Arc::ptr_eq(&one, &two));
    let other = Offer { force_mapping: true, ..offer("m") };
    assert!(!Arc::ptr_eq(&one, &alike.offer(other)));
    let traits = ModelTraits { images: Some(true), ..ModelTraits::default() };
    assert!(!Arc::ptr_eq(&one, &alike.offer(Offer { traits: Arc::new(traits), ..offer("m") })));
    let guard = |text: &str| Guard { prefix: None, excluded: vec![text.to_owned()] };
    let one = alike.guard(guard("a"));
    assert!(Arc::ptr_eq(&one, &alike.guard(guard("a"))) && !Arc::ptr_eq(&one, &alike.guard(guard("b"))));
}

#[test]
fn accounts_that_serve_the_same_take_one_run_however_they_were_written() {
    let roster = roster(&[0; 1000]);
    let offer = Arc::new(offer("m"));
    let one_by_one = (0..1000).map(|at| Stretch { members: at..at + 1, offer: Arc::clone(&offer) });
    let seats = Seats::new(&roster, one_by_one);
    assert_eq!((seats.runs.len(), seats.len()), (1, 1000));
    assert_eq!(seats.levels(), [Level { seats: 0..1000, uniform: true }]);
    assert_eq!(seats.retries(), 2);
}

#[test]
fn a_pattern_is_asked_for_what_the_request_names_without_the_prefix() {
    let pattern = Offer::new(
        &Model {
            alias: "m-*".to_owned(),
            name: String::new(),
            force_mapping: false,
            traits: Arc::default(),
            card: None,
        },
        &Nowhere,
    );
    let roster = roster(&[0]);
    let mut member = Arc::into_inner(roster).unwrap();
    member.members[0].guard = Arc::new(Guard { prefix: Some("team".to_owned()), excluded: vec!["m-2*".to_owned()] });
    let seats = Seats::new(&Arc::new(member), [Stretch { members: 0..1, offer: Arc::new(pattern) }]);
    let seat = seats.first().unwrap();
    assert_eq!((seat.upstream_model("team/m-1"), seat.upstream_model("m-1")), ("m-1", "m-1"));
    assert_eq!(&*seat.shared_model("team/m-1"), "m-1");
    assert!(!seat.is_fixed() && !seats.levels()[0].uniform);
    assert!(seat.guard.refuses("team/m-2") && seat.guard.refuses("M-20") && !seat.guard.refuses("m-1"));
    assert_eq!(seats.guards().len(), 1);
}

proptest! {
    /// However seats are gathered, their order is that of a stable sort by priority, and every way to them agrees.
    #[test]
    fn runs_are_what_a_list_would_be(
        (priorities, stretches) in proptest::collection::vec(-1..3_i32, 1..60).prop_flat_map(|priorities| {
            let count = u32::try_from(priorities.len()).unwrap();
            let stretches = proptest::collection::vec((0..count, 1..20_u32, 0..3_usize), 0..12);
            (Just(priorities), stretches)
        }),
        keep in 1..4_usize,
    ) {
        let roster = roster(&priorities);
        let offers: Vec<_> = ["a", "b", "c"].into_iter().map(|name| Arc::new(offer(name))).collect();
        let count = u32::try_from(priorities.len()).unwrap();
        let stretches: Vec<_> = stretches
            .into_iter()
            .map(|(from, len, name)| Stretch { members: from..(from + len).min(count), offer: Arc::clone(&offers[name]) })
            .collect();
        let mut list: Vec<(usize, usize)> = stretches
            .iter()
            .flat_map(|it| it.members.clone().map(|at| (at as usize, offers.iter().position(|o| Arc::ptr_eq(o, &it.offer)).unwrap())))
            .collect();
        list.sort_by_key(|(at, _)| std::cmp::Reverse(priorities[*at]));
        let expected: Vec<_> =
            list.iter().map(|(at, name)| (at.to_string(), ["a", "b", "c"][*name].to_owned())).collect();
        let seats = Seats::new(&roster, stretches);
        prop_assert_eq!(seats.len(), expected.len());
        prop_assert_eq!(&seats.iter().map(shown).collect::<Vec<_>>(), &expected);
        let by_place: Vec<_> = (0..seats.len()).map(|at| shown(seats.get(at).unwrap())).collect();
        prop_assert_eq!(&by_place, &expected);
        prop_assert_eq!(seats.get(seats.len()).map(shown), None);
        let mut at = 0;
        for level in seats.levels() {
            prop_assert_eq!(level.seats.start, at);
            let own: HashSet<_> = level.seats.clone().map(|at| priorities[list[at].0]).collect();
            prop_assert_eq!(own.len(), 1);
            let members: Vec<_> = seats.members_at(&level.seats).into_iter().flatten().map(|at| at as usize).collect();
            let wanted: Vec<_> = list[level.seats.clone()].iter().map(|(at, _)| *at).collect();
            prop_assert_eq!(members, wanted);
            at = level.seats.end;
        }
        prop_assert_eq!(at, seats.len());
        let kept = seats.filtered(|seat| seat.account.label.len() % 3 != keep % 3 && seat.retries as usize != keep);
        let wanted: Vec<_> = expected
            .iter()
            .filter(|(label, _)| label.len() % 3 != keep % 3 && label.parse::<usize>().unwrap() % 3 != keep)
            .cloned()
            .collect();
        prop_assert_eq!(kept.iter().map(shown).collect::<Vec<_>>(), wanted);
    }
}
