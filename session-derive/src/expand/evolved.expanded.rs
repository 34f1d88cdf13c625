#[automatically_derived]
#[allow(deprecated)]
impl ::actix_typed_session::SessionState for Shop {
    type Handle = ShopHandle;
    fn schema() -> &'static ::actix_typed_session::__private::Schema {
        static __SCHEMA: ::actix_typed_session::__private::Schema = ::actix_typed_session::__private::Schema::new(
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
                                    |__values| {
                                        let __made = ::actix_typed_session::__private::Converts::<
                                            Vec<u32>,
                                            Vec<Line>,
                                            _,
                                        >::convert(to_lines, __values.get::<Vec<u32>>(0)?)?;
                                        ::core::result::Result::Ok(
                                            ::core::convert::From::from([
                                                ::actix_typed_session::__private::encode::<
                                                    Vec<Line>,
                                                >(&__made)?,
                                            ]),
                                        )
                                    },
                                )
                                .merge(|__old, __before| {
                                    let __made = ::actix_typed_session::__private::Merges::<
                                        Vec<u32>,
                                        Vec<Line>,
                                        _,
                                    >::merge(
                                        keep_quantities,
                                        __old.get::<Vec<u32>>(0)?,
                                        __before.get::<Vec<Line>>(0)?,
                                    )?;
                                    ::core::result::Result::Ok(
                                        ::core::convert::From::from([
                                            ::actix_typed_session::__private::encode::<
                                                Vec<Line>,
                                            >(&__made)?,
                                        ]),
                                    )
                                })
                                .down(|__values| {
                                    let __made = ::actix_typed_session::__private::Converts::<
                                        Vec<Line>,
                                        Vec<u32>,
                                        _,
                                    >::convert(to_numbers, __values.get::<Vec<Line>>(0)?)?;
                                    ::core::result::Result::Ok(
                                        ::core::convert::From::from([
                                            ::actix_typed_session::__private::encode::<
                                                Vec<u32>,
                                            >(&__made)?,
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
                                    |__values| {
                                        let __made = ::actix_typed_session::__private::Converts::<
                                            Option<String>,
                                            (Option<String>, String),
                                            _,
                                        >::convert(split, __values.get::<Option<String>>(0)?)?;
                                        ::core::result::Result::Ok(
                                            ::core::convert::From::from([
                                                ::actix_typed_session::__private::encode::<
                                                    Option<String>,
                                                >(&__made.0)?,
                                                ::actix_typed_session::__private::encode::<
                                                    String,
                                                >(&__made.1)?,
                                            ]),
                                        )
                                    },
                                )
                                .down(|__values| {
                                    let __made = ::actix_typed_session::__private::Converts::<
                                        (Option<String>, String),
                                        Option<String>,
                                        _,
                                    >::convert(
                                        join,
                                        (
                                            __values.get::<Option<String>>(0)?,
                                            __values.get_or::<String>(1, || "-".to_owned())?,
                                        ),
                                    )?;
                                    ::core::result::Result::Ok(
                                        ::core::convert::From::from([
                                            ::actix_typed_session::__private::encode::<
                                                Option<String>,
                                            >(&__made)?,
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
        &__SCHEMA
    }
    fn decode_section(
        __cells: &mut ::actix_typed_session::__private::SectionReader<'_>,
    ) -> ::core::result::Result<Self, ::actix_typed_session::__private::CellError> {
        let __section = Self {
            cart: <<Line as ::actix_typed_session::__private::OfPart>::Of<
                Vec<Line>,
            > as ::actix_typed_session::__private::FieldValue>::read(
                __cells,
                || <Vec<Line> as ::core::default::Default>::default(),
            ),
            first: <Option<
                String,
            > as ::actix_typed_session::__private::FieldValue>::read(
                __cells,
                || ::core::option::Option::None,
            ),
            last: <String as ::actix_typed_session::__private::FieldValue>::read(
                __cells,
                || "-".to_owned(),
            ),
        };
        ::actix_typed_session::__private::SectionReader::finish(__cells, __section)
    }
    fn field(
        &self,
        __at: ::core::primitive::usize,
    ) -> &dyn ::actix_typed_session::__private::FieldValue {
        match __at {
            0 => {
                <<Line as ::actix_typed_session::__private::OfPart>::Of<
                    Vec<Line>,
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
#[automatically_derived]
#[allow(dead_code)]
#[allow(deprecated, non_snake_case)]
impl Shop {
    /// Returns `cart`, which has its default until it is set.
    #[must_use]
    fn cart(&self) -> &[Line] {
        &self.cart
    }
    /// Returns `first`, which is `None` until it is set.
    #[must_use]
    fn first(&self) -> ::core::option::Option<&::core::primitive::str> {
        ::core::option::Option::as_deref(&self.first)
    }
    /// Returns `last`, which has its default until it is set.
    #[must_use]
    fn last(&self) -> &::core::primitive::str {
        &self.last
    }
}
/// The `shop` section of the visitor's session, with a getter and setters for each field of
/// [`Shop`]. Handlers extract it as `TypedSession<Shop>`.
struct ShopHandle(::actix_typed_session::__private::Inside<Shop>);
#[automatically_derived]
impl ::core::ops::Deref for ShopHandle {
    type Target = Shop;
    fn deref(&self) -> &Shop {
        ::actix_typed_session::__private::Tracked::get(
            ::actix_typed_session::__private::Inside::show(&self.0),
        )
    }
}
#[doc(hidden)]
#[automatically_derived]
impl ::core::convert::From<::actix_typed_session::__private::Tracked<Shop>>
for ShopHandle {
    fn from(__tracked: ::actix_typed_session::__private::Tracked<Shop>) -> Self {
        Self(::actix_typed_session::__private::Inside::hide(__tracked))
    }
}
#[automatically_derived]
impl ::core::fmt::Debug for ShopHandle {
    fn fmt(&self, __formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        ::core::fmt::Formatter::write_str(__formatter, "TypedSession(\"shop\")")
    }
}
#[automatically_derived]
impl ::actix_typed_session::__private::actix_web::FromRequest for ShopHandle {
    type Error = ::actix_typed_session::Error;
    type Future = ::actix_typed_session::__private::Extract<Shop>;
    fn from_request(
        __request: &::actix_typed_session::__private::actix_web::HttpRequest,
        _: &mut ::actix_typed_session::__private::actix_web::dev::Payload,
    ) -> Self::Future {
        ::actix_typed_session::__private::extract(__request)
    }
}
#[automatically_derived]
#[allow(dead_code)]
#[allow(deprecated, non_snake_case)]
#[allow(clippy::future_not_send)]
impl ShopHandle {
    /// Returns `cart`, which has its default until it is set.
    #[must_use]
    fn cart(&self) -> &[Line] {
        &::actix_typed_session::__private::Tracked::get(
                ::actix_typed_session::__private::Inside::show(&self.0),
            )
            .cart
    }
    /// Sets `cart`, regardless of its present value: of two overlapping requests, the later one wins. To change the present value, use `update_cart`.
    #[track_caller]
    fn set_cart(&mut self, value: Vec<Line>) {
        ::actix_typed_session::__private::Tracked::set(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            0,
            value,
            |__state| &mut __state.cart,
        );
    }
    /// Changes the present value of `cart`. The closure runs immediately, and again on fresh data if another request commits first.
    #[track_caller]
    fn update_cart(&mut self, update: impl ::core::ops::Fn(&mut Vec<Line>) + 'static) {
        ::actix_typed_session::__private::Tracked::update_field(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            0,
            |__state| &mut __state.cart,
            update,
        );
    }
    /// Returns `first`, which is `None` until it is set.
    #[must_use]
    fn first(&self) -> ::core::option::Option<&::core::primitive::str> {
        ::core::option::Option::as_deref(
            &::actix_typed_session::__private::Tracked::get(
                    ::actix_typed_session::__private::Inside::show(&self.0),
                )
                .first,
        )
    }
    /// Sets `first`, regardless of its present value: of two overlapping requests, the later one wins. To change the present value, use `update_first`.
    #[track_caller]
    fn set_first(
        &mut self,
        value: impl ::actix_typed_session::IntoField<Option<String>>,
    ) {
        ::actix_typed_session::__private::Tracked::set(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            1,
            ::actix_typed_session::IntoField::<Option<String>>::into_field(value),
            |__state| &mut __state.first,
        );
    }
    /// Changes the present value of `first`. The closure runs immediately, and again on fresh data if another request commits first.
    #[track_caller]
    fn update_first(
        &mut self,
        update: impl ::core::ops::Fn(&mut Option<String>) + 'static,
    ) {
        ::actix_typed_session::__private::Tracked::update_field(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            1,
            |__state| &mut __state.first,
            update,
        );
    }
    /// Sets `first` to `None`.
    #[track_caller]
    fn clear_first(&mut self) {
        ::actix_typed_session::__private::Tracked::set(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            1,
            ::core::option::Option::None,
            |__state| &mut __state.first,
        );
    }
    /// Returns `last`, which has its default until it is set.
    #[must_use]
    fn last(&self) -> &::core::primitive::str {
        &::actix_typed_session::__private::Tracked::get(
                ::actix_typed_session::__private::Inside::show(&self.0),
            )
            .last
    }
    /// Sets `last`, regardless of its present value: of two overlapping requests, the later one wins. To change the present value, use `update_last`.
    #[track_caller]
    fn set_last(&mut self, value: impl ::core::convert::Into<String>) {
        ::actix_typed_session::__private::Tracked::set(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            2,
            ::core::convert::Into::<String>::into(value),
            |__state| &mut __state.last,
        );
    }
    /// Changes the present value of `last`. The closure runs immediately, and again on fresh data if another request commits first.
    #[track_caller]
    fn update_last(&mut self, update: impl ::core::ops::Fn(&mut String) + 'static) {
        ::actix_typed_session::__private::Tracked::update_field(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            2,
            |__state| &mut __state.last,
            update,
        );
    }
    /// Changes several fields together. The closure runs immediately, and again on fresh data if another request
    /// commits first.
    #[track_caller]
    fn update(&mut self, update: impl ::core::ops::Fn(&mut Shop) + 'static) {
        ::actix_typed_session::__private::Tracked::update(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            update,
        );
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
        ::actix_typed_session::__private::Tracked::try_update(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            update,
        )
    }
    /// Sets every field but the principal to its default, and keeps the session. Its closure runs again if another request commits
    /// first, so that nothing is left of what that one wrote. To end the session, call `session().purge()`.
    #[track_caller]
    fn clear(&mut self) {
        ::actix_typed_session::__private::Tracked::clear(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            |__state, __empty| {},
        );
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
        ::actix_typed_session::__private::Tracked::reload(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
        )
    }
    /// The life cycle of the session: renew, purge, save, and the principal.
    #[must_use]
    fn session(&self) -> ::actix_typed_session::Session {
        ::actix_typed_session::__private::Tracked::session(
            ::actix_typed_session::__private::Inside::show(&self.0),
        )
    }
}
