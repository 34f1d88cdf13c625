#[automatically_derived]
#[allow(deprecated)]
impl ::actix_typed_session::SessionState for Shop {
    type Handle = ShopHandle;
    fn schema() -> &'static ::actix_typed_session::__private::Schema {
        static SCHEMA: ::actix_typed_session::__private::Schema = ::actix_typed_session::__private::Schema::new(
                "shop",
                "$shop",
                3,
                &[
                    ::actix_typed_session::__private::Field::new("cart", "shop.cart@3")
                        .of_group(0),
                    ::actix_typed_session::__private::Field::new("first", "shop.first")
                        .of_group(1),
                    ::actix_typed_session::__private::Field::new("last", "shop.last")
                        .of_group(1),
                ],
            )
            .with_groups(
                &[
                    ::actix_typed_session::__private::Group::new(
                        &[
                            ("shop.cart", ::core::option::Option::None),
                            ("shop.cart@3", ::core::option::Option::Some(0)),
                        ],
                        &[
                            ::actix_typed_session::__private::Step::new(
                                    3,
                                    &[0],
                                    &[1],
                                    |values| {
                                        let made = ::actix_typed_session::__private::Converts::<
                                            Vec<u32>,
                                            Vec<Line>,
                                            _,
                                        >::convert(to_lines, values.get::<Vec<u32>>(0)?)?;
                                        ::core::result::Result::Ok(
                                            ::std::vec::Vec::from([
                                                ::actix_typed_session::__private::encode::<
                                                    Vec<Line>,
                                                >(&made)?,
                                            ]),
                                        )
                                    },
                                )
                                .merge(|old, before| {
                                    let made = ::actix_typed_session::__private::Merges::<
                                        Vec<u32>,
                                        Vec<Line>,
                                        _,
                                    >::merge(
                                        keep_quantities,
                                        old.get::<Vec<u32>>(0)?,
                                        before.get::<Vec<Line>>(0)?,
                                    )?;
                                    ::core::result::Result::Ok(
                                        ::std::vec::Vec::from([
                                            ::actix_typed_session::__private::encode::<
                                                Vec<Line>,
                                            >(&made)?,
                                        ]),
                                    )
                                })
                                .down(|values| {
                                    let made = ::actix_typed_session::__private::Converts::<
                                        Vec<Line>,
                                        Vec<u32>,
                                        _,
                                    >::convert(to_numbers, values.get::<Vec<Line>>(0)?)?;
                                    ::core::result::Result::Ok(
                                        ::std::vec::Vec::from([
                                            ::actix_typed_session::__private::encode::<Vec<u32>>(&made)?,
                                        ]),
                                    )
                                }),
                        ],
                    ),
                    ::actix_typed_session::__private::Group::new(
                        &[
                            ("shop.name", ::core::option::Option::None),
                            ("shop.first", ::core::option::Option::Some(1)),
                            ("shop.last", ::core::option::Option::Some(2)),
                        ],
                        &[
                            ::actix_typed_session::__private::Step::new(
                                    3,
                                    &[0],
                                    &[1, 2],
                                    |values| {
                                        let made = ::actix_typed_session::__private::Converts::<
                                            Option<String>,
                                            (Option<String>, String),
                                            _,
                                        >::convert(split, values.get::<Option<String>>(0)?)?;
                                        ::core::result::Result::Ok(
                                            ::std::vec::Vec::from([
                                                ::actix_typed_session::__private::encode::<
                                                    Option<String>,
                                                >(&made.0)?,
                                                ::actix_typed_session::__private::encode::<String>(&made.1)?,
                                            ]),
                                        )
                                    },
                                )
                                .down(|values| {
                                    let made = ::actix_typed_session::__private::Converts::<
                                        (Option<String>, String),
                                        Option<String>,
                                        _,
                                    >::convert(
                                        join,
                                        (
                                            values.get::<Option<String>>(0)?,
                                            values.get_or::<String>(1, || "-".to_owned())?,
                                        ),
                                    )?;
                                    ::core::result::Result::Ok(
                                        ::std::vec::Vec::from([
                                            ::actix_typed_session::__private::encode::<
                                                Option<String>,
                                            >(&made)?,
                                        ]),
                                    )
                                }),
                        ],
                    ),
                ],
            )
            .without(
                &[::actix_typed_session::__private::removed::<String>("shop.theme", 2)],
            );
        &SCHEMA
    }
    fn decode_section(
        cells: &mut ::actix_typed_session::__private::SectionReader<'_>,
    ) -> ::core::result::Result<Self, ::actix_typed_session::__private::CellError> {
        ::core::result::Result::Ok(Self {
            cart: <Vec<
                Line,
            > as ::actix_typed_session::__private::FieldValue>::read(
                cells,
                || <Vec<Line> as ::core::default::Default>::default(),
            )?,
            first: <Option<
                String,
            > as ::actix_typed_session::__private::FieldValue>::read(
                cells,
                || ::core::option::Option::None,
            )?,
            last: <String as ::actix_typed_session::__private::FieldValue>::read(
                cells,
                || "-".to_owned(),
            )?,
        })
    }
    fn field(
        &self,
        at: ::core::primitive::usize,
    ) -> &dyn ::actix_typed_session::__private::FieldValue {
        match at {
            0 => {
                <Vec<
                    Line,
                > as ::actix_typed_session::__private::FieldValue>::erased(&self.cart)
            }
            1 => {
                <Option<
                    String,
                > as ::actix_typed_session::__private::FieldValue>::erased(&self.first)
            }
            _ => {
                <String as ::actix_typed_session::__private::FieldValue>::erased(
                    &self.last,
                )
            }
        }
    }
}
/// The `shop` section of the visitor's session, with a getter and setters for each field of
/// [`Shop`]. Handlers extract it as `TypedSession<Shop>`.
struct ShopHandle(::actix_typed_session::__private::Tracked<Shop>);
#[automatically_derived]
impl ::core::ops::Deref for ShopHandle {
    type Target = Shop;
    fn deref(&self) -> &Shop {
        self.0.get()
    }
}
#[automatically_derived]
impl ::core::convert::From<::actix_typed_session::__private::Tracked<Shop>>
for ShopHandle {
    fn from(tracked: ::actix_typed_session::__private::Tracked<Shop>) -> Self {
        Self(tracked)
    }
}
#[automatically_derived]
impl ::core::fmt::Debug for ShopHandle {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.write_str("TypedSession(\"shop\")")
    }
}
#[automatically_derived]
impl ::actix_typed_session::__private::actix_web::FromRequest for ShopHandle {
    type Error = ::actix_typed_session::Error;
    type Future = ::actix_typed_session::__private::Extract<Shop>;
    fn from_request(
        request: &::actix_typed_session::__private::actix_web::HttpRequest,
        _: &mut ::actix_typed_session::__private::actix_web::dev::Payload,
    ) -> Self::Future {
        ::actix_typed_session::__private::extract(request)
    }
}
#[automatically_derived]
#[allow(dead_code)]
#[allow(deprecated, non_snake_case)]
impl ShopHandle {
    /// Returns `cart`, which has its default until it is set.
    #[must_use]
    fn cart(&self) -> &[Line] {
        &self.0.get().cart
    }
    /// Sets `cart`, regardless of its present value: of two overlapping requests, the later one wins. To change the present value, use `update_cart`.
    #[track_caller]
    fn set_cart(&mut self, value: Vec<Line>) {
        self.0.set(0, value, |state| &mut state.cart);
    }
    /// Changes the present value of `cart`. The closure runs immediately, and again on fresh data if another request commits first.
    #[track_caller]
    fn update_cart(&mut self, update: impl ::core::ops::Fn(&mut Vec<Line>) + 'static) {
        self.0.update_field(0, |state| &mut state.cart, update);
    }
    /// Returns `first`, which is `None` until it is set.
    #[must_use]
    fn first(&self) -> ::core::option::Option<&::core::primitive::str> {
        ::core::option::Option::as_deref(&self.0.get().first)
    }
    /// Sets `first`, regardless of its present value: of two overlapping requests, the later one wins. To change the present value, use `update_first`.
    #[track_caller]
    fn set_first(
        &mut self,
        value: impl ::actix_typed_session::IntoField<Option<String>>,
    ) {
        self.0
            .set(
                1,
                ::actix_typed_session::IntoField::<Option<String>>::into_field(value),
                |state| &mut state.first,
            );
    }
    /// Changes the present value of `first`. The closure runs immediately, and again on fresh data if another request commits first.
    #[track_caller]
    fn update_first(
        &mut self,
        update: impl ::core::ops::Fn(&mut Option<String>) + 'static,
    ) {
        self.0.update_field(1, |state| &mut state.first, update);
    }
    /// Sets `first` to `None`.
    #[track_caller]
    fn clear_first(&mut self) {
        self.0.set(1, ::core::option::Option::None, |state| &mut state.first);
    }
    /// Returns `last`, which has its default until it is set.
    #[must_use]
    fn last(&self) -> &::core::primitive::str {
        &self.0.get().last
    }
    /// Sets `last`, regardless of its present value: of two overlapping requests, the later one wins. To change the present value, use `update_last`.
    #[track_caller]
    fn set_last(&mut self, value: impl ::core::convert::Into<String>) {
        self.0
            .set(
                2,
                ::core::convert::Into::<String>::into(value),
                |state| &mut state.last,
            );
    }
    /// Changes the present value of `last`. The closure runs immediately, and again on fresh data if another request commits first.
    #[track_caller]
    fn update_last(&mut self, update: impl ::core::ops::Fn(&mut String) + 'static) {
        self.0.update_field(2, |state| &mut state.last, update);
    }
    /// Changes several fields together. The closure runs immediately, and again on fresh data if another request
    /// commits first.
    #[track_caller]
    fn update(&mut self, update: impl ::core::ops::Fn(&mut Shop) + 'static) {
        self.0.update(update);
    }
    /// Changes several fields together and commits immediately. Returns the result of the closure for the data that
    /// was stored.
    ///
    /// # Errors
    ///
    /// If the session cannot be stored, or if it ended while this request was running.
    #[track_caller]
    fn try_update<R, F>(
        &mut self,
        update: F,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<R, ::actix_typed_session::Error>,
    > + use<R, F>
    where
        R: 'static,
        F: ::core::ops::Fn(&mut Shop) -> R + 'static,
    {
        self.0.try_update(update)
    }
    /// Loads the session again. The getters of all handles of this request then show what other requests have stored.
    ///
    /// A stream or a web socket that only reads calls it on its handle, and not `session().reload()`: it also drops the states that
    /// references from earlier getters could still show. A handle that is only read keeps 100 of them, and shows no later one.
    ///
    /// # Errors
    ///
    /// If the session has ended or another user is signed in, or if the store cannot be reached.
    fn reload(
        &mut self,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<(), ::actix_typed_session::Error>,
    > + use<> {
        self.0.reload()
    }
    /// The life cycle of the session: renew, purge, save, and the principal.
    #[must_use]
    fn session(&self) -> ::actix_typed_session::Session {
        self.0.session()
    }
}
