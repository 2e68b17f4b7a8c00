# cmake --install, and a Debian package by cpack, of what has been built: no need for the tests.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
include(GNUInstallDirs)
install(TARGETS kbroker kctl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT kbroker)
install(FILES ${CMAKE_BINARY_DIR}/core/apps/kctl/completion/kctl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT kbroker)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/server.properties
        DESTINATION ${CMAKE_INSTALL_DATADIR}/kbroker COMPONENT kbroker)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/kbroker.service DESTINATION lib/systemd/system COMPONENT kbroker)
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/LICENSE
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/kbroker COMPONENT kbroker)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME kbroker)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Kafka broker and KRaft controller, written in C++")
set(CPACK_PACKAGE_CONTACT "the authors of ksim <ksim@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL kbroker)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_CURRENT_LIST_DIR}/postinst ${CMAKE_CURRENT_LIST_DIR}/prerm
    ${CMAKE_CURRENT_LIST_DIR}/postrm)
include(CPack)
