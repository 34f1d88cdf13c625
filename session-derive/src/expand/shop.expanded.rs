#[automatically_derived]
#[allow(deprecated)]
impl ::actix_typed_session::SessionState for Shop {
    type Handle = ShopHandle;
    fn schema() -> &'static ::actix_typed_session::__private::Schema {
        static __SCHEMA: ::actix_typed_session::__private::Schema = ::actix_typed_session::__private::Schema::new(
            "shop",
            "$shop",
            1,
            &[
                ::actix_typed_session::__private::Field::new("cart", "shop.cart"),
                ::actix_typed_session::__private::Field::new("theme", "shop.colours")
                    .reset_on_sign_in(),
                ::actix_typed_session::__private::Field::new("notice", "shop.notice")
                    .flash(),
                ::actix_typed_session::__private::Field::new("type", "shop.type")
                    .lenient(),
                ::actix_typed_session::__private::Field::new("user", "shop.user")
                    .principal(),
            ],
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
            theme: <<Theme as ::actix_typed_session::__private::OfPart>::Of<
                Theme,
            > as ::actix_typed_session::__private::FieldValue>::read(
                __cells,
                || Theme::Light,
            ),
            notice: <Option<
                String,
            > as ::actix_typed_session::__private::FieldValue>::read(
                __cells,
                || ::core::option::Option::None,
            ),
            r#type: <String as ::actix_typed_session::__private::FieldValue>::read(
                __cells,
                || <String as ::core::default::Default>::default(),
            ),
            user: <Option<
                u64,
            > as ::actix_typed_session::__private::FieldValue>::read(
                __cells,
                || ::core::option::Option::None,
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
                <<Theme as ::actix_typed_session::__private::OfPart>::Of<
                    Theme,
                > as ::actix_typed_session::__private::FieldValue>::erased(&self.theme)
            }
            2 => {
                <Option<
                    String,
                > as ::actix_typed_session::__private::FieldValue>::erased(&self.notice)
            }
            3 => {
                <String as ::actix_typed_session::__private::FieldValue>::erased(
                    &self.r#type,
                )
            }
            _ => {
                <Option<
                    u64,
                > as ::actix_typed_session::__private::FieldValue>::erased(&self.user)
            }
        }
    }
}
#[automatically_derived]
#[allow(deprecated)]
impl ::actix_typed_session::HasPrincipal for Shop {
    type Principal = u64;
    fn principal(&self) -> ::core::option::Option<&u64> {
        ::core::option::Option::as_ref(&self.user)
    }
}
#[automatically_derived]
#[allow(dead_code)]
#[allow(deprecated, non_snake_case)]
impl Shop {
    /// Returns `user`, which is `None` until it is set.
    ///
    /// Who is signed in.
    #[must_use]
    fn user(&self) -> Option<u64> {
        self.user
    }
    /// Returns `cart`, which has its default until it is set.
    #[must_use]
    fn cart(&self) -> &[Line] {
        &self.cart
    }
    /// Returns `theme`, which has its default until it is set.
    #[must_use]
    pub fn theme(&self) -> &Theme {
        &self.theme
    }
    /// Returns `notice` without taking it; `take_notice` takes it to show it once.
    #[must_use]
    fn notice(&self) -> ::core::option::Option<&::core::primitive::str> {
        ::core::option::Option::as_deref(&self.notice)
    }
    /// Returns `type`, which has its default until it is set.
    #[must_use]
    fn kind(&self) -> &::core::primitive::str {
        &self.r#type
    }
}
/// The `shop` section of the visitor's session, with a getter and setters for each field of
/// [`Shop`]. Handlers extract it as `TypedSession<Shop>`.
pub struct ShopHandle(::actix_typed_session::__private::Inside<Shop>);
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
    /// Returns `user`, which is `None` until it is set.
    ///
    /// Who is signed in.
    #[must_use]
    fn user(&self) -> Option<u64> {
        ::actix_typed_session::__private::Tracked::get(
                ::actix_typed_session::__private::Inside::show(&self.0),
            )
            .user
    }
    /// Sets `user`, which signs a user in. The session id is renewed automatically.
    ///
    /// Who is signed in.
    #[track_caller]
    fn set_user(&mut self, value: impl ::actix_typed_session::IntoField<Option<u64>>) {
        ::actix_typed_session::__private::Tracked::set_principal(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            4,
            ::actix_typed_session::IntoField::<Option<u64>>::into_field(value),
            |__state| &mut __state.user,
        );
    }
    /// Signs the user out: sets `user` to `None` and ends the session.
    ///
    /// Who is signed in.
    #[track_caller]
    fn clear_user(&mut self) {
        ::actix_typed_session::__private::Tracked::set_principal(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            4,
            ::core::option::Option::None,
            |__state| &mut __state.user,
        );
    }
    /// The principal for this `user`, for looking up sessions in a `PrincipalIndex`.
    ///
    /// # Errors
    ///
    /// If the value cannot be serialized, or could not be read back.
    #[track_caller]
    fn principal_of(
        value: impl ::actix_typed_session::IntoField<Option<u64>>,
    ) -> ::core::result::Result<
        ::actix_typed_session::record::Principal,
        ::actix_typed_session::Error,
    > {
        ::actix_typed_session::__private::principal_of::<
            Shop,
            _,
        >(
            4,
            ::actix_typed_session::IntoField::<Option<u64>>::into_field(value),
            |__state| &mut __state.user,
        )
    }
    #[doc(hidden)]
    fn update_user(
        &mut self,
        _: impl ::core::ops::Fn(
            &mut Option<u64>,
        ) + ::actix_typed_session::__private::UpdatesPrincipal,
    ) {}
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
    /// Returns `theme`, which has its default until it is set.
    #[must_use]
    pub fn theme(&self) -> &Theme {
        &::actix_typed_session::__private::Tracked::get(
                ::actix_typed_session::__private::Inside::show(&self.0),
            )
            .theme
    }
    /// Sets `theme`, regardless of its present value: of two overlapping requests, the later one wins. To change the present value, use `update_theme`.
    #[track_caller]
    pub fn set_theme(&mut self, value: Theme) {
        ::actix_typed_session::__private::Tracked::set(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            1,
            value,
            |__state| &mut __state.theme,
        );
    }
    /// Changes the present value of `theme`. The closure runs immediately, and again on fresh data if another request commits first.
    #[track_caller]
    pub fn update_theme(&mut self, update: impl ::core::ops::Fn(&mut Theme) + 'static) {
        ::actix_typed_session::__private::Tracked::update_field(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            1,
            |__state| &mut __state.theme,
            update,
        );
    }
    /// Returns `notice` without taking it; `take_notice` takes it to show it once.
    #[must_use]
    fn notice(&self) -> ::core::option::Option<&::core::primitive::str> {
        ::core::option::Option::as_deref(
            &::actix_typed_session::__private::Tracked::get(
                    ::actix_typed_session::__private::Inside::show(&self.0),
                )
                .notice,
        )
    }
    /// Sets `notice`, regardless of its present value: of two overlapping requests, the later one wins. To change the present value, use `update_notice`.
    #[track_caller]
    fn set_notice(
        &mut self,
        value: impl ::actix_typed_session::IntoField<Option<String>>,
    ) {
        ::actix_typed_session::__private::Tracked::set(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            2,
            ::actix_typed_session::IntoField::<Option<String>>::into_field(value),
            |__state| &mut __state.notice,
        );
    }
    /// Changes the present value of `notice`. The closure runs immediately, and again on fresh data if another request commits first.
    #[track_caller]
    fn update_notice(
        &mut self,
        update: impl ::core::ops::Fn(&mut Option<String>) + 'static,
    ) {
        ::actix_typed_session::__private::Tracked::update_field(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            2,
            |__state| &mut __state.notice,
            update,
        );
    }
    /// Sets `notice` to `None`.
    #[track_caller]
    fn clear_notice(&mut self) {
        ::actix_typed_session::__private::Tracked::set(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            2,
            ::core::option::Option::None,
            |__state| &mut __state.notice,
        );
    }
    /// Takes `notice` to show it once, and leaves `None`.
    #[track_caller]
    fn take_notice(&mut self) -> Option<String> {
        ::actix_typed_session::__private::Tracked::take(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            2,
            |__state| &mut __state.notice,
        )
    }
    /// Returns `type`, which has its default until it is set.
    #[must_use]
    fn kind(&self) -> &::core::primitive::str {
        &::actix_typed_session::__private::Tracked::get(
                ::actix_typed_session::__private::Inside::show(&self.0),
            )
            .r#type
    }
    /// Sets `type`, regardless of its present value: of two overlapping requests, the later one wins. To change the present value, use `update_type`.
    #[track_caller]
    fn set_type(&mut self, value: impl ::core::convert::Into<String>) {
        ::actix_typed_session::__private::Tracked::set(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            3,
            ::core::convert::Into::<String>::into(value),
            |__state| &mut __state.r#type,
        );
    }
    /// Changes the present value of `type`. The closure runs immediately, and again on fresh data if another request commits first.
    #[track_caller]
    fn update_type(&mut self, update: impl ::core::ops::Fn(&mut String) + 'static) {
        ::actix_typed_session::__private::Tracked::update_field(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            3,
            |__state| &mut __state.r#type,
            update,
        );
    }
    /// Changes several fields together. The closure runs immediately, and again on fresh data if another request
    /// commits first.
    #[track_caller]
    pub fn update(&mut self, update: impl ::core::ops::Fn(&mut Shop) + 'static) {
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
    pub fn try_update<R, F>(
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
    pub fn clear(&mut self) {
        ::actix_typed_session::__private::Tracked::clear(
            ::actix_typed_session::__private::Inside::show_mut(&mut self.0),
            |__state, __empty| {
                ::core::mem::swap(&mut __state.user, &mut __empty.user);
            },
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
    pub fn reload(
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
    pub fn session(&self) -> ::actix_typed_session::Session {
        ::actix_typed_session::__private::Tracked::session(
            ::actix_typed_session::__private::Inside::show(&self.0),
        )
    }
}
